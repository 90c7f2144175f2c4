"""A local stand-in for both services, with faults; for the demo and the tests."""
