"""Tests on real sockets and against other software."""
