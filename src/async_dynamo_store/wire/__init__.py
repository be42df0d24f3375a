"""Values, sizes, changes and expressions in DynamoDB's own form. Pure: no I/O, no AWS client."""
