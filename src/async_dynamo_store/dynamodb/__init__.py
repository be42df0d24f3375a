"""The aioboto3 client, its lifetime, deadlines and errors; the table, the IAM policy and the embedded engine."""
