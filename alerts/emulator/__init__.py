"""What the shipped stand-ins for vendors have in common: HTTP, memory on disk, faults to order."""
