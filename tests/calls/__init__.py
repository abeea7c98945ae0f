"""Calls, legs, and what features may do with them."""
