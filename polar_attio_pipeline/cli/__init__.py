"""`polar-attio`: commands for a person at a terminal, one file each. Thin: what they do lives elsewhere."""
