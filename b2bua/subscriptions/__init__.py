"""
Subscriptions: who watches what, and hears of it by NOTIFY (RFC 6665).

What is watched is the business of event packages, which features bring along
(L{EventPackage}).  What is named here is for plugins.
"""

from b2bua.subscriptions.packages import Body, EventPackage, Watcher

__all__ = ["Body", "EventPackage", "Watcher"]
