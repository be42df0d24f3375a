"""The aioboto3 client: its lifetime, its deadline, its errors; the table, the IAM policy, the embedded engine."""
