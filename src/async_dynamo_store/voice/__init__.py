"""Requests of voice platforms: who asks, in which session, for what; handlers, and the answer."""
