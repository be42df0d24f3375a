"""How turns fare when many are in flight at once."""
