"""Tests of the transaction machines and of matching."""
