"""Transfers all users of a table: to a file, from a file, to another table.

`run` reads pages from a source and writes them to a target. A checkpoint records the progress.
"""
