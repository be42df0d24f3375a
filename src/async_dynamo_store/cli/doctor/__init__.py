"""`doctor`: checks the environment, the table and the permissions that a store needs."""
