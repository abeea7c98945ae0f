"""Tests of L{b2bua.settings}."""
