"""IP addresses as text."""

from __future__ import annotations

import socket
from functools import lru_cache

WILDCARDS = frozenset(("0.0.0.0", "::"))


def is_numeric(host: str) -> bool:
    """Is it an IPv4 or IPv6 address?"""
    return is_ipv4(host) or is_ipv6(host)


@lru_cache(4096)
def is_ipv4(host: str) -> bool:
    """Is it four numbers with dots?"""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


@lru_cache(4096)
def is_ipv6(host: str) -> bool:
    """Is it an IPv6 address, without brackets?"""
    try:
        socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def covers(wildcard: str, host: str) -> bool:
    """Is C{host} an address that a socket bound to C{wildcard} may have?"""
    return wildcard in WILDCARDS and is_ipv6(wildcard) == is_ipv6(host)


def host_port(host: str, port: int) -> str:
    """Write them as a URI does."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def source_for(host: str) -> str | None:
    """
    Find the address of ours from which C{host} is reached.

    A datagram socket that is connected, but sends nothing, asks the kernel's
    routes.  None if there is no way.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None
