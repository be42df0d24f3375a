"""The fast path: makes a turn's calls without botocore's request building and response parsing."""
