"""The core: who is who, what differs, what to write. Functions of values; only `engine` does I/O, through `ports`."""
