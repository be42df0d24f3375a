"""One module for each place where a voice backend runs. Import the one you need by its name."""
