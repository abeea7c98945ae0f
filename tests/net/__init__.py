"""Tests of sockets, timers and the layer that runs the transactions."""
