"""Tests of b2bua.calls.restoring."""
