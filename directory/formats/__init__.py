"""Answers as documents: pure functions, one module for each format."""
