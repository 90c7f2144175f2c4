"""What `polar-attio doctor` looks at, one file a part. Each reads, and writes nothing."""
