"""The public kit for tests: a simulated world with the real server and honest phones."""

from b2bua.testing.case import LadderTestCase
from b2bua.testing.manners import Manners, by_hand
from b2bua.testing.network import Link, Network
from b2bua.testing.phone import Phone
from b2bua.testing.surroundings import Violation
from b2bua.testing.trunk import Trunk
from b2bua.testing.world import World

__all__ = [
    "LadderTestCase",
    "Link",
    "Manners",
    "Network",
    "Phone",
    "Trunk",
    "Violation",
    "World",
    "by_hand",
]
