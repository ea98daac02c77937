"""Figures with their definitions, and the rows behind each of them."""
