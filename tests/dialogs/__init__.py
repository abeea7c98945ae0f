"""Tests of b2bua.dialogs."""
