"""`AsyncDynamoStore`: the public operations, and the conditional writes that they are made of."""
