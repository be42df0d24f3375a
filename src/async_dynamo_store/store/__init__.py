"""`AsyncDynamoStore`: the public operations and the conditional writes behind them."""
