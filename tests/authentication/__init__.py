"""Tests of L{b2bua.authentication}."""
