"""The benchmarks behind `make bench`: what the sync costs, beside the floor and beside the naive way."""
