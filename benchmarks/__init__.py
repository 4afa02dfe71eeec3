"""Benchmarks: `python -m benchmarks.engine`."""
