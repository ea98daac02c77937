"""Courier CRM: customers of a courier company, their parcels, and whatever goes wrong with either."""

__version__ = "0.1.0"
