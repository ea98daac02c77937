"""Faults put on purpose into a running system, and the count of what they cost."""
