"""What it costs to go from Python values to DynamoDB attribute values, and back."""
