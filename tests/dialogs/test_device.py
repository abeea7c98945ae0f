"""Which binding is a phone's: L{b2bua.dialogs.device}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.device import Device, find
from b2bua.registrar.bindings import Binding
from b2bua.transactions.flow import Flow

HERE = ("192.0.2.1", 5060)
UUID = "urn:uuid:f81d4fae"


def flow(port: int, connection: int = 0) -> Flow:
    """A flow from a port of the phone's router."""
    return Flow("TCP" if connection else "UDP", HERE, ("198.51.100.7", port), connection)


def bound(contact: str, way: Flow | None, **said: Any) -> Binding:
    """A binding of 101."""
    return Binding("101@example.com", contact, way, 3600.0, **said)


class FindTests(SynchronousTestCase):
    """The phone of a dialog among the bindings of its user."""

    device = Device("101@example.com", "sip:101@10.0.0.5:5060", UUID, flow(40000))

    def find(self, *bindings: Binding, device: Device | None = None) -> str:
        """The contact that is found, or nothing."""
        found = find(device or self.device, bindings)
        return "" if found is None else found.contact

    def test_instance(self) -> None:
        """The same instance is the same phone, whatever it registers (RFC 5626 section 3.1)."""
        other = bound("sip:101@10.0.0.5:5060", flow(1), instance="urn:uuid:other")
        same = bound("sip:x@10.9.9.9", flow(2), instance=UUID)
        self.assertEqual(self.find(other, same), same.contact)
        self.assertEqual(self.find(other), "")

    def test_contact(self) -> None:
        """A phone without an instance is known by its Contact, another port of it included."""
        plain = self.device._replace(instance="")
        for contact in ("sip:101@10.0.0.5:5060", "sip:101@10.0.0.5", "sip:101@10.0.0.5:41234;transport=tcp"):
            with self.subTest(contact=contact):
                self.assertEqual(self.find(bound(contact, flow(1)), device=plain), contact)
        for contact in ("sip:101@10.0.0.6:5060", "sip:102@10.0.0.5:5060", "sip:@:x"):
            with self.subTest(contact=contact):
                self.assertEqual(self.find(bound(contact, flow(1)), device=plain), "")

    def test_stays(self) -> None:
        """As long as the flow is bound that the dialog began on, other flows of the phone change nothing."""
        first = bound("sip:a@10.0.0.5", flow(40000), instance=UUID, reg_id=1, call_id="1", cseq=1)
        second = bound("sip:a@10.0.0.5", flow(2), instance=UUID, reg_id=2, call_id="2", cseq=9, since=9)
        self.assertEqual(find(self.device, [second, first]), first)
        self.assertEqual(find(self.device, [second]), second)

    def test_left_behind(self) -> None:
        """A contact that a phone has not registered again with its later one is where it was."""
        old = bound("sip:101@10.0.0.5:5060", flow(40000), instance=UUID, call_id="1", cseq=3)
        new = bound("sip:101@10.0.0.5:7060", flow(2), instance=UUID, call_id="1", cseq=5)
        self.assertEqual(self.find(old, new), new.contact)

    def test_newest(self) -> None:
        """Of several it is the one that came last; one without a flow leads nowhere that is not known."""
        one = bound("sip:1@10.0.0.1", flow(1), instance=UUID, call_id="1", since=1)
        two = bound("sip:2@10.0.0.2", flow(2), instance=UUID, call_id="2", since=2)
        proxied = bound("sip:3@10.0.0.3", None, instance=UUID, call_id="3", since=3)
        self.assertEqual(self.find(one, two, proxied), two.contact)
