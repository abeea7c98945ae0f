"""Whole calls, each one a ladder in the simulated world."""
