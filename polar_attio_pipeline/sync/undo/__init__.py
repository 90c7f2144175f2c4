"""Taking a pass back: what it did in all, what is its own still, and how that is put back."""
