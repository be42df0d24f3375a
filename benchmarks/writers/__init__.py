"""What many writes to one user cost: bytes of the bookkeeping and time per write, by 1, 8 and 64 writers."""
