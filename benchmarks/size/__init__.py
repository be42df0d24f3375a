"""How the cost of a turn grows with the user item."""
