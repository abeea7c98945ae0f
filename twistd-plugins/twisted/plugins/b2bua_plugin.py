"""Tells C{twistd} that there is C{twistd b2bua}."""

from twisted.application.service import ServiceMaker

b2bua = ServiceMaker("B2BUA", "b2bua.tap", "A SIP back-to-back user agent.", "b2bua")
