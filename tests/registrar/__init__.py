"""Tests of L{b2bua.registrar}."""
