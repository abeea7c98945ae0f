"""Tests of legs, on a transaction layer that only remembers."""
