"""Phones that register, and what that means for calls."""

from __future__ import annotations

from b2bua.testing import LadderTestCase, Phone, by_hand
from b2bua.wire.message import Request


class RegistrationTests(LadderTestCase):
    """From the REGISTER to the call that finds the phone."""

    def calls(self, caller: Phone, callee: str, *rings: Phone) -> None:
        """A call to an extension rings these phones and no others."""
        caller.sends("INVITE", to=callee)
        for phone in rings:
            phone.gets("INVITE")
        for phone in rings:
            phone.answers(486)
        caller.gets(486 if rings else 480)

    def test_two_phones_of_one_user(self) -> None:
        """Both phones of a user ring."""
        alice, bob = self.phones("alice", "bob")
        other = self.world.phone("bob", by_hand())
        other.register()
        self.world.run_until(lambda: other.registered)
        self.calls(alice, "bob", bob, other)
        self.quiet()

    def test_path(self) -> None:
        """The Path becomes the Route of the INVITE and of the ACK of its refusal (RFC 3327 5.4, 17.1.1.3)."""
        [alice] = self.phones("alice")
        bob = self.world.phone("bob", by_hand())
        edge = f"<sip:{bob.host}:{bob.port};lr>"
        bob.register(fields=[("Path", edge), ("Supported", "path")])
        self.world.run_until(lambda: bob.registered)
        alice.sends("INVITE", to="bob")
        self.assertEqual(bob.gets("INVITE").all("Route"), [edge])
        bob.answers(486)
        alice.gets(486)
        [ack] = [
            p.data for p in self.world.network.log if p.data.startswith(b"ACK") and bob.host in p.destination
        ]
        self.assertIn(f"\r\nRoute: {edge}\r\n".encode(), ack)
        self.quiet()

    def test_unregistered(self) -> None:
        """A phone that has said good-bye is not called."""
        alice, bob = self.phones("alice", "bob")
        bob.unregister()
        self.world.run_until(lambda: not bob.registered)
        self.calls(alice, "bob")
        self.quiet()

    def test_expired(self) -> None:
        """A phone that was not heard of again is called until its time is over, and not after."""
        alice, bob = self.phones("alice", "bob")
        bob.register(60)
        self.world.run(1)
        bob.stop_registering()
        self.world.run(58)
        self.calls(alice, "bob", bob)
        self.world.run(1.5)
        self.calls(alice, "bob")
        self.quiet()

    def test_connection_closed(self) -> None:
        """A phone on TCP is gone when its connection is, and back when it registers anew."""
        [alice] = self.phones("alice")
        [bob] = self.phones("bob", transport="TCP")
        self.calls(alice, "bob", bob)
        bob.refreshes_registration = False
        bob.close_connections()
        self.world.run(1)
        self.calls(alice, "bob")
        bob.registered = False
        bob.register()
        self.world.run_until(lambda: bob.registered)
        self.calls(alice, "bob", bob)
        self.quiet()

    def test_wrong_password(self) -> None:
        """A phone with a wrong password is not bound, hears 401, and is not called."""
        [alice] = self.phones("alice")
        bob = self.world.phone("bob", by_hand(), password="wrong")
        bob.register()
        self.world.run(5)
        self.assertEqual(bob.register_code, 401)
        self.calls(alice, "bob")
        self.quiet()

    def test_guessing(self) -> None:
        """Who guesses on is not answered at all in the end; the others go on calling."""
        alice, carol = self.phones("alice", "carol")
        bob = self.world.phone("bob", by_hand(), password="wrong")
        for _ in range(25):
            bob.register()
            self.world.run(0.5)
        self.world.run(60)
        self.assertEqual(bob.register_code, 408)
        self.calls(alice, "carol", carol)
        error = self.assertRaises(AssertionError, self.quiet)
        complaints = str(error).partition("\nseed")[0].splitlines()
        self.assertEqual(len(complaints), 2)
        for complaint in complaints:
            self.assertIn("towards bob: REGISTER was never answered", complaint)


class PartyTests(LadderTestCase):
    """Requests within a dialog are taken only from its parties."""

    def forged(self, victim: Phone, method: str = "BYE") -> Request:
        """A request as the victim would send it, by somebody who has overheard the tags."""
        session = victim.session
        return Request(
            method,
            session.target,
            [
                ("Via", f"SIP/2.0/UDP 203.0.113.66;branch=z9hG4bKforged{method}"),
                ("From", f"{session.local};tag={session.local_tag}"),
                ("To", f"{session.remote};tag={session.remote_tag}"),
                ("Call-ID", session.call_id),
                ("CSeq", f"{session.local_cseq + 1} {method}"),
                ("Max-Forwards", "70"),
            ],
        )

    def test_overheard(self) -> None:
        """A BYE from another host with the right tags is asked for a password, and ends nothing."""
        alice, bob = self.phones("alice", "bob")
        self.connect(alice, bob)
        spy = self.world.phone("mallory", host="203.0.113.66")
        codes: list[int] = []
        spy.ask(self.forged(bob), lambda response: codes.append(response.code if response else 0))
        self.world.run(1)
        self.assertEqual(codes, [401])
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()

    def test_another_user(self) -> None:
        """Nor does the password of another user end it: 403."""
        alice, bob = self.phones("alice", "bob")
        [spy] = self.phones("mallory", host="203.0.113.66")
        self.connect(alice, bob)
        codes: list[int] = []
        request = self.forged(bob)

        def heard(response: object) -> None:
            codes.append(getattr(response, "code", 0))
            again = spy.with_credentials(request, response) if codes == [401] else None  # type: ignore[arg-type]
            if again is not None:
                spy.ask(again.with_fields(remove=["Via"], prepend=[("Via", spy.via())]), heard)

        spy.ask(request, heard)
        self.world.run(1)
        self.assertEqual(codes, [401, 403])
        self.assertTalking(("alice", "bob"))
        self.disconnect(alice, bob)
        self.quiet()
