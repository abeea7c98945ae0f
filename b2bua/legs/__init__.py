"""Legs: one dialog of ours each, seen by a call as words."""
