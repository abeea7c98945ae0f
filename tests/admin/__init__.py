"""Tests of what can be asked of a service, and of who may ask it."""
