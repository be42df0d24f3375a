"""Requests of voice platforms, the handlers that answer them, and the responses."""
