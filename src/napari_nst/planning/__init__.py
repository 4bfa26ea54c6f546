"""Estimates before a run: whether it fits into memory and how long it takes. No Qt."""
