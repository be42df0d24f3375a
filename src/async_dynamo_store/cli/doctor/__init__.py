"""`doctor`: what a store would find here, looked at piece by piece."""
