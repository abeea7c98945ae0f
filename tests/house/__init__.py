"""Tests of the house itself: packaging, contracts, commands of the Makefile."""
