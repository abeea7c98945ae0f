"""Tests of the notifier by itself; whole watchers are in tests/ladders."""
