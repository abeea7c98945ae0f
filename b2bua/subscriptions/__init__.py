"""
Subscriptions: who watches what, and hears of it by NOTIFY (RFC 6665).

What is watched is the business of event packages, which features bring along
(L{EventPackage}); what is watched at other servers is L{Told} to them.  What is
named here is for plugins.
"""

from b2bua.subscriptions.packages import Body, EventPackage, Watcher
from b2bua.subscriptions.subscriber import Subscribed
from b2bua.subscriptions.usage import Told

__all__ = ["Body", "EventPackage", "Subscribed", "Told", "Watcher"]
