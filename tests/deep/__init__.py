"""Scenarios of L{tests.interop} once more: over the other transports, and in all roles (C{make deep})."""
