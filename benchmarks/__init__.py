"""Measurements, run by `make bench` and `make soak`; never as timed tests."""
