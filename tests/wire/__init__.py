"""Tests of L{b2bua.wire}."""
