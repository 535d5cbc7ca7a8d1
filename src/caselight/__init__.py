"""Caselight finds the cases that look like this one, and says how far to trust the answer."""

__version__ = "0.1.0"
