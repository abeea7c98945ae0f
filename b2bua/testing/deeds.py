"""What may happen in a random world: each deed draws who does it, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from b2bua.testing.phone import Phone
    from b2bua.testing.session import Session
    from b2bua.testing.world import World


class Scene(Protocol):
    """The world in which something is done."""

    random: Random
    world: World
    names: Sequence[str]
    faults: bool
    cut: set[str]
    """Who was cut off."""

    def phone(self) -> Phone | None:
        """Draw a phone that is there."""

    def session(self, *states: str) -> Session | None:
        """Draw a call of one of these states."""

    def may_move(self, phone: Phone) -> bool:
        """May the phone get another place now?"""

    def new_port(self) -> int:
        """Give a port that no phone has had."""


Deed: TypeAlias = Callable[[Any], None]


def dial(play: Scene) -> None:
    """Call one of the others, oneself perhaps, or nobody; now and then without an offer."""
    phone = play.phone()
    if phone is not None and len(phone.live) < 4:
        others = [name for name in play.names if name != phone.name]
        to = play.random.choice([*others * 4, phone.name, "nobody"])
        phone.dial(to, offer=play.random.random() < 0.85)


def hang_up(play: Scene) -> None:
    """End some call, whatever its state."""
    session = play.session("calling", "called", "up")
    if session is not None:
        session.hang_up()


def answer(play: Scene) -> None:
    """Pick up before the manners say so."""
    session = play.session("called")
    if session is not None:
        session.answer()


def refuse(play: Scene) -> None:
    """Refuse a call that rings."""
    session = play.session("called")
    if session is not None:
        session.refuse(play.random.choice([480, 486, 603]))


def hold(play: Scene) -> None:
    """Hold."""
    session = play.session("up")
    if session is not None and not session.busy:
        session.hold(play.random.choice(["sendonly", "inactive", "zeros"]))


def resume(play: Scene) -> None:
    """Resume."""
    session = play.session("up")
    if session is not None and not session.busy:
        session.resume()


def update(play: Scene) -> None:
    """Change or refresh by UPDATE."""
    session = play.session("up")
    if session is not None and not session.busy:
        offer = play.random.random() < 0.5
        session.update(play.random.choice(["sendrecv", "sendonly"]), offer=offer)


def update_early(play: Scene) -> None:
    """Change the session by UPDATE before the call is answered, from either side."""
    session = play.session("calling", "called")
    if session is not None and session.agreed_early and not session.media.open_exchange():
        session.update(play.random.choice(["sendrecv", "sendonly"]))


def withdraw(play: Scene) -> None:
    """Cancel a re-INVITE, or send one that is given up at once."""
    session = play.session("up")
    if session is not None:
        if not session.busy:
            session.move_media()
        session.withdraw()


def offerless(play: Scene) -> None:
    """Ask the peer for an offer."""
    session = play.session("up")
    if session is not None and not session.busy:
        session.reinvite(offer=False)


def tell(play: Scene) -> None:
    """Send something that is not about the session."""
    session = play.session("up")
    if session is not None:
        session.ask(play.random.choice(["INFO", "MESSAGE", "OPTIONS", "SUBSCRIBE"]))


def lose_power(play: Scene) -> None:
    """Vanish without a word."""
    phone = play.phone()
    if phone is not None and play.random.random() < 0.4:
        phone.vanish()


def unregister(play: Scene) -> None:
    """Take the binding back, or renew it."""
    phone = play.phone()
    if phone is not None:
        phone.register(play.random.choice([0, 3600, 3600]))


def reconnect(play: Scene) -> None:
    """Close all connections and register again."""
    phone = play.phone()
    # An INVITE of its own could not be answered any more, and it would know that.
    if phone is not None and phone.transport != "UDP" and all(s.state != "calling" for s in phone.live):
        phone.close_connections()
        phone.register()


def other_port(play: Scene) -> None:
    """Have the router of a phone forget its port or its connections; later it registers anew."""
    phone = play.phone()
    if phone is None or not phone.registered or not play.may_move(phone):
        return
    play.faults = True
    if phone.transport != "UDP":
        phone.lose_connections()
    elif phone.instance and play.random.random() < 0.5:
        play.world.network.forgotten.add(phone.endpoint.address)
        phone.move(port=play.new_port())
    else:
        phone.rebind(play.new_port())
    phone.later(play.random.choice([0.0, 0.3, 3.0, 15.0]), phone.register)


def cut_off(play: Scene) -> None:
    """Cut the way between the server and a phone for a while."""
    phone, network = play.phone(), play.world.network
    if phone is None or play.random.random() < 0.5:
        return
    play.faults = True
    play.cut.add(phone.host)
    server = play.world.server_address[0] if play.world.server_address else ""
    network.own_link(server, phone.host).cut = True
    play.world.clock.callLater(play.random.choice([0.3, 2.0, 10.0, 40.0]), network.mend, server, phone.host)


DEEDS: tuple[Deed, ...] = (
    *(dial, dial, dial),
    *(hang_up, hang_up),
    *(answer, answer),
    refuse,
    hold,
    resume,
    update,
    offerless,
    withdraw,
    *(update_early, update_early),
    tell,
    lose_power,
    unregister,
    reconnect,
    other_port,
    cut_off,
)
"""What is drawn from; what stands here more than once happens more often."""
