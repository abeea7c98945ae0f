"""Tests of b2bua.calls.operations."""
