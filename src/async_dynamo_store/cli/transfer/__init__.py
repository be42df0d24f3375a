"""All users of a table: to a file, from a file, to another table.

A source gives pages, a target takes them, and a checkpoint says how far they are the same: `run` is where they meet.
"""
