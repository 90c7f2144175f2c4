"""The assets, one file each: they wire and report."""
