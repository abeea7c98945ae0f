"""Tests of b2bua.calls.records."""
