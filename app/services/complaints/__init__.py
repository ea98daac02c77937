"""Complaints: registered, assigned, investigated, answered."""
