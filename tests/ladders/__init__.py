"""Whole calls, as ladders through the real server."""
