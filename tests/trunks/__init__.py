"""Tests of L{b2bua.trunks}."""
