"""What a handler holds of a user, what of it is stored, and what a save has to write."""
