"""Sockets, timers and the next hop: the only place that touches the reactor."""
