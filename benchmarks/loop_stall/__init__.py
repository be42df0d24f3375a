"""How long other tasks of the event loop wait while a store is opened, used and closed."""
