"""Customers from files: taken in row by row, counted, and taken back if need be."""
