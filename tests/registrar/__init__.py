"""Tests of the registrar, authentication and trunks."""
