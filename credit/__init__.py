"""Organisations, who may do what, and every movement of their money."""
