"""Curate: operators on tables, bytes and pixels. No torch and no ray in this package."""

__version__ = "0.1.0"
