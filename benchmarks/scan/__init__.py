"""What reading every user of a table costs: users per second and memory, beside boto3's paginator."""
