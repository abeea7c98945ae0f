"""Watching something: the notifier's side of RFC 6665, with a package that tells the weather."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from b2bua import hookimpl
from b2bua.calls import Refuse
from b2bua.subscriptions import Body, EventPackage, Watcher
from b2bua.testing import LadderTestCase, World

TEXT = "text/plain"


class WeatherPackage(EventPackage):
    """The weather of a town: everybody may know it, but for that of Area 51."""

    name = "weather"
    bodies = (TEXT, "text/html")
    commands = ("text/x-wish",)

    def __init__(self) -> None:
        """It is fine everywhere."""
        self.now: dict[str, str] = {}
        self.asked: list[str] = []
        self.broken = False

    def set(self, town: str, weather: str) -> None:
        """Change the weather."""
        self.now[town] = weather
        self.changed(town)

    def refuses(self, resource: str, watcher: Watcher) -> Refuse | None:
        """Keep one to ourselves."""
        if resource == "atlantis":
            return Refuse(404)
        return Refuse(403) if resource == "area51" else super().refuses(resource, watcher)

    def state(self, resource: str, watcher: Watcher) -> Body:
        """Tell it."""
        if self.broken:
            raise RuntimeError("no idea")
        text = f'<weather version="{watcher.version}">{self.now.get(resource, "fine")}</weather>'
        return Body(watcher.accepts, text.encode())

    def commanded(self, resource: str, watcher: Watcher, body: bytes) -> Refuse | None:
        """Change it as somebody wishes."""
        if body == b"end of the world":
            return Refuse(603)
        self.set(resource, body.decode())
        return None


class Weather:
    """The feature."""

    def __init__(self) -> None:
        """Have one package."""
        self.package = WeatherPackage()

    @hookimpl
    def b2bua_event_packages(self) -> Iterable[EventPackage]:
        """One."""
        return (self.package,)


class WeatherCase(LadderTestCase):
    """A world in which the weather can be watched."""

    settings: dict[str, Any] = {}  # noqa: RUF012  # each class has its own

    def make_world(self) -> World:
        """Make it."""
        self.feature = Weather()
        self.weather = self.feature.package
        return World(settings=self.settings, features=[self.feature])

    def setUp(self) -> None:
        """Alice is there."""
        super().setUp()
        [self.alice] = self.phones("alice")

    def watch(self, town: str = "oslo", **options: Any) -> Any:
        """Let Alice watch a town."""
        watching = self.alice.watch(town, "weather", **options)
        self.world.run(0.2)
        return watching

    @property
    def methods(self) -> list[str]:
        """What went over the network since Alice has registered, in order, as it left."""
        sent = [packet.data.split(b"\r\n")[0].decode() for packet in self.world.network.log]
        lines = [line.split()[1] if line.startswith("SIP/2.0") else line.split()[0] for line in sent]
        return lines[lines.index("SUBSCRIBE") :]


class SubscribeTests(WeatherCase):
    """A SUBSCRIBE outside of dialogs (RFC 6665 section 4.2.1.1)."""

    def test_subscribed(self) -> None:
        """It is challenged, accepted, and at once told how it is: the 200 leaves before the NOTIFY."""
        watching = self.watch()
        self.assertEqual(self.methods, ["SUBSCRIBE", "401", "SUBSCRIBE", "200", "NOTIFY", "200"])
        self.assertEqual((watching.code, watching.granted), (200, 3600))
        self.assertEqual(watching.body, b'<weather version="0">fine</weather>')
        self.assertEqual(watching.notified[0].type, TEXT)
        self.quiet()
        self.assertEqual((watching.state, watching.reason), ("over", "timeout"))

    def test_change(self) -> None:
        """What changes is told at once: on the wire within 100 ms (section 4.2.2)."""
        watching = self.watch()
        began = self.world.clock.seconds()
        self.weather.set("oslo", "rain")
        self.weather.set("rome", "snow")
        self.world.run(0.1)
        self.assertEqual(len(watching.notified), 2)
        self.assertEqual(watching.body, b'<weather version="1">rain</weather>')
        self.assertLess(watching.notified[-1].at - began, 0.1)
        self.quiet()

    def test_fetch(self) -> None:
        """Expires 0 fetches the state once (section 4.4.3)."""
        watching = self.watch(expires=0)
        self.assertEqual([n.state for n in watching.notified], ["terminated"])
        self.assertEqual(watching.body, b'<weather version="0">fine</weather>')
        self.assertEqual(len(self.world.served.server.notifier), 0)
        self.quiet()

    def test_unknown_event(self) -> None:
        """An unknown package gets 489, and hears which there are (section 8.3.2)."""
        watching = self.alice.watch("oslo", "presence")
        self.world.run(0.1)
        self.assertEqual(watching.code, 489)
        self.assertEqual(watching.answer.allow_events, {"refer", "weather"})
        self.quiet()

    def test_too_brief(self) -> None:
        """A time that is too short gets 423 with Min-Expires (section 4.2.1.1)."""
        watching = self.watch(expires=59)
        self.assertEqual((watching.code, watching.answer.min_expires), (423, 60))
        self.quiet()

    def test_too_long(self) -> None:
        """A time that is too long is cut, not for all phones alike; it never gets longer."""
        granted = {self.watch(f"town{n}", expires=86400).granted for n in range(5)}
        self.assertTrue(all(3240 <= seconds <= 3600 for seconds in granted), granted)
        self.assertGreater(len(granted), 1)
        self.quiet()

    def test_no_time(self) -> None:
        """Without Expires it is the time of the package (section 4.1.2.1)."""
        self.assertGreaterEqual(self.watch(expires=None).granted, 3240)
        self.quiet()

    def test_forbidden(self) -> None:
        """Who may watch what is said by the package: 403, 404 (section 4.2.1.3)."""
        self.assertEqual(self.watch("area51").code, 403)
        self.assertEqual(self.watch("atlantis").code, 404)
        self.assertEqual(self.watch("sip:oslo@elsewhere.example.net").code, 404)
        self.quiet()

    def test_forbidden_fetch(self) -> None:
        """Who may not watch something cannot fetch it either (section 4.4.3)."""
        watching = self.watch("area51", expires=0)
        self.assertEqual((watching.code, watching.notified), (403, []))
        self.quiet()

    def test_user_in_to(self) -> None:
        """A Yealink VP59 names whom it watches in To only (mikopbx/Core#1059)."""
        watching = self.watch(at="sip:192.0.2.1:5060")
        self.assertEqual(watching.code, 200)
        self.weather.set("oslo", "rain")
        self.world.run(0.2)
        self.assertIn(b"rain", watching.body)
        self.quiet()

    def test_accept(self) -> None:
        """The body is of a type that the watcher takes; there being none, it is 406 (section 3.1.3)."""
        self.assertEqual(self.watch(accept="text/html, application/json").notified[-1].type, "text/html")
        self.assertEqual(self.watch(accept="text/*").notified[-1].type, TEXT)
        refused = self.watch(accept="application/json")
        self.assertEqual((refused.code, refused.answer.get("Accept")), (406, "text/plain, text/html"))
        self.quiet()

    def test_required(self) -> None:
        """An extension that nobody knows gets 420 (RFC 3261 section 8.2.2.3)."""
        refused = self.watch(fields=[("Require", "eventlist")])
        self.assertEqual((refused.code, refused.answer.unsupported), (420, {"eventlist"}))
        self.quiet()

    def test_wrong_password(self) -> None:
        """Who cannot prove who it is watches nothing."""
        self.alice.password = "guessed"
        self.assertEqual(self.watch().code, 401)
        self.assertEqual(len(self.world.served.server.notifier), 0)
        self.quiet()


class CommandTests(WeatherCase):
    """A SUBSCRIBE with a body."""

    def wish(self, text: str, type: str = "text/x-wish") -> Any:
        """Subscribe with a wish."""
        watching = self.watch()
        watching.subscribe(body=text.encode(), type=type)
        self.world.run(0.2)
        return watching

    def test_command(self) -> None:
        """It is carried out, and all who watch are told."""
        other = self.watch()
        watching = self.wish("storm")
        self.assertEqual(watching.code, 200)
        self.assertIn(b"storm", watching.body)
        self.assertIn(b"storm", other.body)
        self.quiet()

    def test_refused(self) -> None:
        """The package may turn it down; the subscription goes on, but for a refusal for good."""
        self.assertEqual(self.wish("end of the world").code, 603)
        self.quiet()

    def test_unknown_type(self) -> None:
        """Another body gets 415 with what is accepted (RFC 3261 section 21.4.13)."""
        watching = self.wish("rain", "text/plain")
        self.assertEqual((watching.code, watching.answer.get("Accept")), (415, "text/x-wish"))
        self.assertIn(b"fine", watching.body)
        self.quiet()

    def test_too_large(self) -> None:
        """A body that is too large gets 413."""
        self.assertEqual(self.wish("r" * 16_385).code, 413)
        self.quiet()


class RefreshTests(WeatherCase):
    """Within a subscription (section 4.2.1.4)."""

    def test_refreshed(self) -> None:
        """A refresh brings the time and the state, with no new challenge from where it was."""
        watching = self.watch(expires=600)
        self.world.run(1000)
        self.assertEqual(watching.state, "active")
        self.assertGreater(len(watching.notified), 3)
        self.assertEqual(self.methods[-4:], ["SUBSCRIBE", "200", "NOTIFY", "200"])
        self.quiet()

    def test_unsubscribed(self) -> None:
        """Expires 0 ends it, with a last NOTIFY (Zoiper loops without)."""
        watching = self.watch()
        watching.unsubscribe()
        self.world.run(0.2)
        self.assertEqual((watching.state, watching.reason), ("over", "timeout"))
        self.assertEqual(len(self.world.served.server.notifier), 0)
        self.quiet()

    def test_unsubscribed_meanwhile(self) -> None:
        """One that is ended while a NOTIFY is on its way has its last one all the same."""
        watching = self.watch()
        self.weather.set("oslo", "rain")
        watching.unsubscribe()
        self.world.run(0.2)
        self.assertEqual([n.state for n in watching.notified], ["active", "active", "terminated"])
        self.quiet()

    def test_expired(self) -> None:
        """When nobody refreshes, it is told that it is over."""
        watching = self.watch(expires=60)
        watching.stop()
        self.world.run(61)
        self.assertEqual((watching.state, watching.reason), ("over", "timeout"))
        self.assertEqual(len(self.world.served.server.notifier), 0)
        self.quiet()

    def test_unknown_dialog(self) -> None:
        """A refresh of what we do not know gets 481, so that the phone subscribes anew (section 4.1.2.2)."""
        watching = self.watch()
        self.world.served.server.notifier.stop()
        watching.subscribe()
        self.world.run(0.2)
        self.assertEqual((watching.code, watching.state), (481, "over"))
        self.quiet()

    def test_spoofed(self) -> None:
        """A refresh from elsewhere is challenged; only its owner can end it."""
        [mallory] = self.phones("mallory")
        watching = self.watch()
        stolen = mallory.watch("oslo", "weather")
        self.world.run(0.2)
        stolen.unsubscribe()
        self.world.run(0.2)
        stolen.state, stolen.reason = "active", ""
        stolen.call_id, stolen.local_tag, stolen.remote_tag = (
            watching.call_id,
            watching.local_tag,
            watching.remote_tag,
        )
        stolen.local_cseq = watching.local_cseq + 10
        stolen.subscribe(0)
        self.world.run(0.2)
        self.assertEqual(stolen.code, 403)
        self.assertEqual(watching.state, "active")
        stolen.state = "over"
        self.assertEqual(len(self.world.served.server.notifier), 1)

    def test_moved(self) -> None:
        """A phone that has got another address proves who it is, and is told there."""
        watching = self.watch()
        self.alice.move("10.9.9.9")
        watching.subscribe()
        self.world.run(0.5)
        self.assertEqual(watching.code, 200)
        self.weather.set("oslo", "fog")
        self.world.run(0.2)
        self.assertIn(b"fog", watching.body)

    def test_no_longer_allowed(self) -> None:
        """Who may not watch any more hears 403, and that it is over."""
        watching = self.watch()
        self.weather.refuses = lambda resource, watcher: Refuse(403)
        watching.subscribe()
        self.world.run(0.2)
        self.assertEqual((watching.code, watching.state, watching.reason), (403, "over", "rejected"))
        self.quiet()


class NotifyTests(WeatherCase):
    """What becomes of NOTIFYs (section 4.2.2)."""

    def silence(self, watching: Any) -> None:
        """Let the phone answer nothing."""
        watching.replies = None

    def test_one_at_a_time(self) -> None:
        """While one is on its way the next waits, and says what is so by then (kamailio#3192)."""
        watching = self.watch()
        for weather in ("rain", "hail", "snow"):
            self.weather.set("oslo", weather)
        self.world.run(0.5)
        self.assertEqual([n.body[21:-10] for n in watching.notified], [b"fine", b"rain", b"snow"])
        self.quiet()

    def test_lost(self) -> None:
        """One that is lost is no end: the newest state is told again (OpenSIPS#380)."""
        watching = self.watch()
        self.silence(watching)
        self.weather.set("oslo", "rain")
        self.world.run(33)
        self.weather.set("oslo", "sun")
        watching.replies = 200
        self.world.run(5)
        self.assertEqual(watching.state, "active")
        self.assertIn(b"sun", watching.body)
        self.quiet()

    def test_dead_phone(self) -> None:
        """A phone that is gone is asked less and less often, and forgotten when its time is over."""
        self.watch(expires=600)
        self.alice.vanish()
        self.weather.set("oslo", "rain")
        self.world.run(640)
        self.assertEqual(len(self.world.served.server.notifier), 0)
        sent = {packet.data for packet in self.world.network.log if packet.data.startswith(b"NOTIFY ")}
        self.assertLess(len(sent), 20)

    def test_refused(self) -> None:
        """481 and 489 end it (section 4.2.2, RFC 5057 section 5.1)."""
        for code in (481, 489, 404):
            watching = self.watch()
            watching.replies = code
            self.weather.set("oslo", f"because of {code}")
            self.world.run(0.5)
            self.assertEqual(len(self.world.served.server.notifier), 0)
        self.quiet()

    def test_rebooted(self) -> None:
        """A phone that subscribes anew is asked whether it still knows the subscription of before."""
        self.watch()
        self.alice.forget_subscriptions()
        self.watch()
        self.world.run(1)
        self.assertEqual(len(self.world.served.server.notifier), 1)
        self.quiet()

    def test_again(self) -> None:
        """The same SUBSCRIBE again, whose 2xx was lost: what it began before is forgotten without a word."""
        watching = self.watch()
        served = self.world.served
        assert served is not None
        first = next(iter(served.server.notifier))
        watching.stop()
        watching.state, watching.remote_tag = "new", ""
        watching.subscribe()
        self.world.run(1)
        [second] = served.server.notifier
        self.assertIsNot(first, second)
        self.assertEqual(first.dialog.call_id, second.dialog.call_id)

    def test_many_keys(self) -> None:
        """A phone with many keys for the same is not told of each by all others."""
        for _ in range(20):
            self.watch()
        self.assertLess(self.methods.count("NOTIFY"), 4 * 20)
        self.quiet()

    def test_two_keys(self) -> None:
        """A phone with two keys for the same keeps both."""
        one, other = self.watch(), self.watch()
        self.world.run(1)
        self.weather.set("oslo", "rain")
        self.world.run(1)
        self.assertIn(b"rain", one.body)
        self.assertIn(b"rain", other.body)
        self.quiet()


class GapTests(WeatherCase):
    """A package may want time between two NOTIFYs."""

    def test_gap(self) -> None:
        """Within the gap nothing is told but upon a refresh; after it what is so by then."""
        self.weather.gap = 5.0
        watching = self.watch()
        self.weather.set("oslo", "rain")
        self.world.run(1)
        self.assertEqual(len(watching.notified), 1)
        self.weather.set("oslo", "hail")
        self.world.run(5)
        self.assertEqual(len(watching.notified), 2)
        self.assertIn(b"hail", watching.body)
        self.weather.set("oslo", "sun")
        watching.subscribe()
        self.world.run(0.2)
        self.assertIn(b"sun", watching.body)
        self.quiet()


class ConnectionTests(WeatherCase):
    """A watcher behind a connection."""

    def test_same_connection(self) -> None:
        """It is told by the connection that it came by; and after it registered anew, by the new one."""
        erin = self.world.phones("erin", transport="TCP")[0]
        watching = erin.watch("oslo", "weather")
        self.world.run(0.5)
        self.assertEqual(watching.code, 200)
        erin.close_connections()
        self.weather.set("oslo", "rain")
        self.world.run(0.2)
        erin.register()
        self.world.run(2)
        self.assertIn(b"rain", watching.body)
        self.quiet()

    def test_copy_is_late(self) -> None:
        """
        A NOTIFY that was sent after the phone to its new connection comes by the old one too, and late.

        The phone refuses the lower CSeq (RFC 3261 section 12.2.2), and that changes nothing.
        """
        [erin] = self.world.phones("erin", transport="TCP")
        watching = erin.watch("oslo", "weather")
        self.world.run(0.5)
        erin.close_connections()
        self.world.run(0.1)
        address = self.world.server_address
        assert address is not None
        link = self.world.network.own_link(erin.host, address[0])
        slow, link.delay = 0.5, 0.5
        self.weather.set("oslo", "rain")
        while self.methods.count("NOTIFY") < 2:  # by a connection that the server has opened
            self.world.run(0.05)
        link.delay = 0.01
        erin.register()
        self.world.run(slow / 2)
        self.assertEqual([told.request.cseq.number for told in watching.notified], [1, 2, 3])
        self.world.run(slow)
        self.assertEqual(self.methods.count("500"), 1)
        self.weather.set("oslo", "sun")
        self.world.run(1)
        self.assertEqual([told.request.cseq.number for told in watching.notified], [1, 2, 3, 4])
        self.assertIn(b"sun", watching.body)
        self.quiet()

    def test_number_taken_again(self) -> None:
        """Another NOTIFY with a number of before is no copy: its branch tells (RFC 3261 section 8.1.1.7)."""
        watching = self.watch()
        for weather in ("rain", "snow"):
            self.weather.set("oslo", weather)
            self.world.run(1)
        [subscription] = self.world.served.server.notifier
        subscription.dialog.local_seq = 1
        self.weather.set("oslo", "sun")
        self.world.run(1)
        self.assertIn(b"snow", watching.body)
        complaints = [violation.what for violation in self.world.violations if violation.who == "alice"]
        self.assertEqual(complaints, ["was sent NOTIFY with CSeq 2: too low"])


class LimitTests(WeatherCase):
    """Subscriptions are bounded."""

    settings = {"subscriptions": {"per_extension": 3, "total": 4}}  # noqa: RUF012  # not changed

    def test_per_extension(self) -> None:
        """An account has so many; a fetch needs room as well."""
        codes = [self.watch(f"town{n}").code for n in range(5)]
        self.assertEqual(codes, [200, 200, 200, 403, 403])
        self.assertEqual(self.world.served.server.notifier.refused[403], 2)
        self.quiet()

    def test_total(self) -> None:
        """There are so many in all; then one hears when to try again (RFC 3261 section 20.33)."""
        for n in range(3):
            self.watch(f"town{n}")
        [bob] = self.phones("bob")
        one, other = bob.watch("oslo", "weather"), bob.watch("rome", "weather")
        self.world.run(0.5)
        self.assertEqual((one.code, other.code), (200, 500))
        self.assertEqual(other.answer.retry_after, 60)
        self.quiet()


class ContainmentTests(WeatherCase):
    """A package that is broken harms nobody else."""

    def test_broken_state(self) -> None:
        """What it cannot tell is told when it can; nothing is half done, and the log names it."""
        watching = self.watch()
        self.weather.broken = True
        self.weather.set("oslo", "rain")
        self.world.run(0.5)
        self.assertEqual(len(watching.notified), 1)
        self.weather.broken = False
        self.world.run(5)
        self.assertIn(b"rain", watching.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.quiet()

    def test_broken_permission(self) -> None:
        """Who cannot say who may watch has nobody watch: 500."""

        def refuses(resource: str, watcher: Watcher) -> Refuse | None:
            raise RuntimeError("who?")

        self.weather.refuses = refuses
        self.assertEqual(self.watch().code, 500)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.quiet()

    def test_reload(self) -> None:
        """After a reload the watchers are told what the new generation says."""
        watching = self.watch()
        self.weather.now["oslo"] = "rain"
        self.world.served.configure()
        self.world.run(0.2)
        self.assertIn(b"rain", watching.body)
        self.quiet()

    def test_gone(self) -> None:
        """When nobody serves the package any more, its subscriptions end."""
        watching = self.watch()
        self.world.served._things = []
        self.world.served.configure()
        self.world.run(0.2)
        self.assertEqual((watching.state, watching.reason), ("over", "noresource"))
        self.quiet()
