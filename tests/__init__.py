"""Promises in sentences, kept against a real PostgreSQL."""
