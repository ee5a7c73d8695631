"""The pure core: bytes, ints and tuples in and out. No descriptor, clock, process or log."""
