"""How what we have to say gets out of the house: one file for each kind of place."""
