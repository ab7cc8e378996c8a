"""Servers that benchmarks and tests play against."""
