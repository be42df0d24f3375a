"""What a turn costs in CPU, and how many of them fit into a second."""
