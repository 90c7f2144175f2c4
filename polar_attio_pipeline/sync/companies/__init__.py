"""Companies: which customers belong to one, what Attio is to hold of it, and who is linked to it."""
