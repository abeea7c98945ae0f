"""Calls: legs that talk in words, the bridge between them, and what features may do."""
