"""Tests of the benches, and of what only they can see."""
