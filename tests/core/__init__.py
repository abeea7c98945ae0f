"""Tests of L{b2bua.core}."""
