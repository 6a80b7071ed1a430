"""Trained by either framework from fresh weights, a classifier becomes as good: over many seeds."""
