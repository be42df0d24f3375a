"""One module per server, framework or service that the library integrates with. Import the one you need by name."""
