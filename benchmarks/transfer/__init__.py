"""How long it takes to export, import and copy all users of a table, and how much memory, beside a plain boto3 script."""
