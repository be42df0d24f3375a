"""Time and memory for the worst bodies of 1 MB that a stranger can send, before and after it is known who sent them."""
