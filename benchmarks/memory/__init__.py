"""Whether a process grows while it serves ever new users."""
