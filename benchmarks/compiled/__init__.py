"""What a codec that is compiled with mypyc brings to a turn."""
