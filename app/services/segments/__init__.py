"""Segments: who is in them, by hand or by a filter, and how that changed."""
