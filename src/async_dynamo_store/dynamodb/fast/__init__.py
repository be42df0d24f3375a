"""The fast path: a turn's calls without botocore's own building and parsing of each request."""
