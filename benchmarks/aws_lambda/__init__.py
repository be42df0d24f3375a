"""What a turn costs in AWS Lambda: in a process that is started for it, and in one that is warm."""
