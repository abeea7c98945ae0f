"""Dialogs of any kind follow their phones: L{b2bua.registrar.devices}."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from b2bua.dialogs.device import Device
from b2bua.registrar.bindings import Binding, Bindings
from b2bua.registrar.devices import Devices
from b2bua.transactions.flow import Flow
from tests.legs.layer import FakeLayer

AOR = "101@example.com"
UUID = "urn:uuid:f81d4fae"
OLD = Flow("TCP", ("192.0.2.1", 5060), ("198.51.100.7", 40000), 1)
NEW = Flow("TCP", ("192.0.2.1", 5060), ("198.51.100.7", 40001), 2)


class Dialog:
    """A dialog that is neither a call nor a subscription."""

    def __init__(self, device: Device | None = None, flow: Flow | None = None) -> None:
        """Begin there."""
        self.device = device
        self.flow = flow

    def follow(self, device: Device) -> None:
        """Go there."""
        self.device, self.flow = device, device.flow


class DevicesTests(SynchronousTestCase):
    """One user, and what the registrar hears of them."""

    def setUp(self) -> None:
        """Nobody is registered."""
        self.bindings = Bindings(FakeLayer(Clock()))
        self.devices = Devices(self.bindings)
        self.addCleanup(self.bindings.close)

    def bind(self, *bound: Binding) -> None:
        """Have the user these bindings."""
        self.bindings.put(AOR, bound)

    def binding(self, contact: str, flow: Flow, **said: Any) -> Binding:
        """One of them."""
        return Binding(AOR, contact, flow, 3600.0, **said)

    def begun(self, contact: str, flow: Flow | None) -> Dialog:
        """A dialog that follows its phone."""
        dialog = Dialog(flow=flow)
        self.devices.meet(dialog, AOR, contact, flow)
        return dialog

    def test_meet(self) -> None:
        """A phone is known by the Contact that it registered, by its flow, or by what it says itself."""
        self.bind(self.binding("sip:a@10.0.0.5", OLD, instance=UUID))
        known = Device(AOR, "sip:a@10.0.0.5", UUID, OLD)
        self.assertEqual(self.begun("sip:a@10.0.0.5", OLD).device, known)
        self.assertEqual(self.begun("sip:other@10.0.0.5:9", OLD).device, known)
        self.assertEqual(self.begun("sip:a@10.0.0.5:9", NEW).device, known)
        stranger = Device(AOR, "sip:z@10.0.0.9", "", NEW)
        self.assertEqual(self.begun("sip:z@10.0.0.9", NEW).device, stranger)

    def test_lost_meanwhile(self) -> None:
        """Who has no way any more goes at once where the phone is."""
        self.bind(self.binding("sip:a@10.0.0.5", OLD, instance=UUID))
        self.assertEqual(self.begun("sip:a@10.0.0.5", None).flow, OLD)

    def test_moved(self) -> None:
        """It is told once, when the phone has registered elsewhere; a refresh is no news."""
        self.bind(self.binding("sip:a@10.0.0.5", OLD, instance=UUID))
        dialog = self.begun("sip:a@10.0.0.5", OLD)
        told: list[Device] = []
        follow = dialog.follow
        self.patch(dialog, "follow", lambda device: (told.append(device), follow(device)))
        self.bind(self.binding("sip:a@10.0.0.5", OLD, instance=UUID, cseq=2))
        self.bind(self.binding("sip:b@10.0.0.9", NEW, instance=UUID))
        self.bind(self.binding("sip:b@10.0.0.9", NEW, instance=UUID, cseq=2))
        self.assertEqual(told, [Device(AOR, "sip:b@10.0.0.9", UUID, NEW)])

    def test_second_flow(self) -> None:
        """A phone with two flows is reached by the second when the first is closed (RFC 5626 section 4.2)."""
        self.bind(
            self.binding("sip:a@10.0.0.5", OLD, instance=UUID, reg_id=1),
            self.binding("sip:a@10.0.0.5", NEW, instance=UUID, reg_id=2),
        )
        dialog = self.begun("sip:a@10.0.0.5", OLD)
        self.assertEqual(dialog.flow, OLD)
        self.bindings.flow_lost(OLD)
        self.assertEqual(dialog.flow, NEW)

    def test_taken_back(self) -> None:
        """A phone that takes its binding back stays where it is, and does not move to an older one."""
        older = self.binding("sip:a@10.0.0.5:5060", NEW, call_id="1", cseq=1)
        newer = self.binding("sip:a@10.0.0.5:7060", OLD, call_id="2", cseq=1)
        self.bind(older, newer)
        dialog = self.begun("sip:a@10.0.0.5:7060", OLD)
        self.bind(older)
        self.assertEqual(dialog.flow, OLD)
        self.bind(older._replace(cseq=2))
        self.assertEqual(dialog.flow, NEW)

    def test_only_phone(self) -> None:
        """Without an instance and with another Contact it is the user's only phone, once the way is lost."""
        self.bind(self.binding("sip:a-1@10.0.0.5:40000", OLD))
        dialog = self.begun("sip:a-1@10.0.0.5:40000", OLD)
        self.bindings.flow_lost(OLD)
        dialog.flow = None
        self.bind(self.binding("sip:a-2@10.0.0.5:40001", NEW))
        self.assertEqual(dialog.flow, NEW)

    def test_not_another_phone(self) -> None:
        """Another phone of the user is not taken for it."""
        other = self.binding("sip:b@10.0.0.6", NEW)
        self.bind(self.binding("sip:a@10.0.0.5", OLD), other)
        dialog = self.begun("sip:a@10.0.0.5", OLD)
        self.bindings.flow_lost(OLD)
        dialog.flow = None
        self.bind(other._replace(cseq=2))
        self.assertIsNone(dialog.flow)

    def test_restored(self) -> None:
        """A dialog that is older than the process goes at once where its phone is by now."""
        self.bind(self.binding("sip:b@10.0.0.9", NEW, instance=UUID))
        dialog = Dialog(Device(AOR, "sip:a@10.0.0.5", UUID))
        self.devices.add(dialog)
        self.assertEqual(dialog.flow, NEW)

    def test_removed(self) -> None:
        """One that is over follows nobody."""
        self.bind(self.binding("sip:a@10.0.0.5", OLD, instance=UUID))
        dialog = self.begun("sip:a@10.0.0.5", OLD)
        self.devices.remove(dialog)
        self.bind(self.binding("sip:a@10.0.0.5", NEW, instance=UUID))
        self.assertEqual(dialog.flow, OLD)
