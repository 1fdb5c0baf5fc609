"""How fast minidl trains, beside its peers: `make bench`, or `python -m benchmarks --help`."""
