"""Values, sizes, changes and expressions in DynamoDB's own form. Pure: no I/O and no AWS client."""
