"""Side-by-side measurements of this store and of the other ways to keep a user in DynamoDB; see README.md."""
