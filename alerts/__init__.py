"""What can go wrong, and who is told."""
