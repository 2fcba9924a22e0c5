"""The pages of those who sign in: agencies, clients, statements."""
