"""The files in deploy/, as they are: what they set, what they start, and that it runs."""
