"""Benchmarks: ``make bench``. No timing decides a test."""
