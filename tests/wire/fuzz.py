"""
Mutation of real messages: whatever comes, there is no exception but ours.

C{python -m tests.wire.fuzz --seconds 60} runs for long, with a new seed each
time unless C{--seed} is given; a short run with a fixed seed is in the suite.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence

from b2bua.errors import PeerError
from b2bua.wire.lookup import view
from b2bua.wire.message import Message, Request, write
from b2bua.wire.multipart import leaves, session_of
from b2bua.wire.names import NameAddr
from b2bua.wire.parser import Malformed, parse
from b2bua.wire.sdp import Sdp, origin_of, replace_origin
from b2bua.wire.sipfrag import parse_sipfrag
from b2bua.wire.stream import Broken, Framer, Unit, whole_frame
from b2bua.wire.via import Via
from b2bua.wire.views import Message as Views
from tests.wire.samples import ALL

MULTIPART = (
    b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKm\r\nf: <sip:a@b>;tag=1\r\nt: <sip:a@b>\r\n"
    b'i: m\r\nCSeq: 1 INVITE\r\nProxy-Authenticate: Digest realm="r", nonce="n", qop="auth,auth-int"\r\n'
    b'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, '
    b'nc=00000001, cnonce="c"\r\nAuthentication-Info: nextnonce="x"\r\nContact: *\r\n'
    b"c: multipart/mixed;boundary=b\r\nl: 60\r\n\r\n"
    b"--b\r\nc: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 h\r\n\r\n--b--\r\n    "
)
SAMPLES = [*ALL.values(), MULTIPART]

# What parsers trip over.
NASTY = [
    *[bytes([byte]) for byte in b'\0\t\n\r "%&()*+,-./:;<=>?@[\\]_`{|}~\x7f\x80\xc3\xff'],
    b"\r\n",
    b"\r\n ",
    b"\r\n\r\n",
    b"\n\n",
    b'\\"',
    b"%00",
    b"%0d%0a",
    b"-1",
    b"4294967296",
    b"99999999999999999999999999",
    b"0x10",
    b"1e9",
    "٣".encode(),
    "\u2028".encode(),
    b"SIP/2.0",
    b"SIP/2.0/UDP h;branch=z9hG4bK",
    b"sip:",
    b"<sip:a@b>",
    b"[::1]",
    b";tag=",
    b"Via: ",
    b"v:",
    b"Content-Length: 5\r\n",
    b"l:0\r\n",
    b"--b",
    b"m=audio 1 RTP/AVP 0\r\n",
    b"o=",
    b';x="\\\0"',
    b';x="\r"',
]

VIEWS = [name for name, value in vars(Views).items() if isinstance(value, view)]


def flip(data: bytearray, chance: random.Random) -> None:
    """Change one byte."""
    data[chance.randrange(len(data))] = chance.randrange(256)


def cut(data: bytearray, chance: random.Random) -> None:
    """Take a piece away."""
    at = chance.randrange(len(data))
    del data[at : at + 1 + int(chance.expovariate(0.1))]


def truncate(data: bytearray, chance: random.Random) -> None:
    """Take the end away."""
    del data[chance.randrange(len(data)) :]


def insert(data: bytearray, chance: random.Random) -> None:
    """Put something nasty in, now and then many times."""
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(NASTY) * (1 if chance.random() < 0.95 else chance.randrange(300))


def overwrite(data: bytearray, chance: random.Random) -> None:
    """Put something nasty in the place of something else."""
    new = chance.choice(NASTY)
    at = chance.randrange(len(data))
    data[at : at + len(new)] = new


def copy(data: bytearray, chance: random.Random) -> None:
    """Repeat a piece elsewhere."""
    at, to = chance.randrange(len(data)), chance.randrange(len(data) + 1)
    data[to:to] = data[at : at + 1 + int(chance.expovariate(0.05))]


def splice(data: bytearray, chance: random.Random) -> None:
    """Put a piece of another message in."""
    other = chance.choice(SAMPLES)
    at, to = chance.randrange(len(other)), chance.randrange(len(data) + 1)
    data[to:to] = other[at : at + 1 + int(chance.expovariate(0.02))]


def shuffle(data: bytearray, chance: random.Random) -> None:
    """Let lines change places."""
    lines = bytes(data).split(b"\r\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"\r\n".join(lines)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [
    flip,
    cut,
    truncate,
    insert,
    insert,
    overwrite,
    overwrite,
    copy,
    splice,
    shuffle,
]


def mutate(chance: random.Random) -> bytes:
    """Make a message that is a little or very much wrong."""
    data = bytearray(chance.choice(SAMPLES))
    for _ in range(1 + int(chance.expovariate(0.5))):
        if data:
            chance.choice(MUTATIONS)(data, chance)
    return bytes(data)


def look(call: Callable[[], object]) -> None:
    """Read something of a peer, which may be wrong, but only in our words."""
    try:
        call()
    except PeerError as error:
        assert 400 <= error.code < 700, error.code
        assert error.section, error


def attempt(data: bytes, chance: random.Random) -> None:
    """
    Do with a message all that a server does.

    @raise Exception: anything; it is a bug of ours.
    """
    try:
        message = parse(data)
    except Malformed as error:
        if error.salvage is not None:
            write(error.salvage.response(error.code, to_tag="t"))
    else:
        use(message)
    follow(data, chance)
    body = data.partition(b"\r\n\r\n")[2]
    for piece in (data, body):
        look(lambda piece=piece: use_sdp(Sdp.parse(piece)))  # type: ignore[misc]
        look(lambda piece=piece: origin_of(piece))  # type: ignore[misc]
        replace_origin(piece, b"o=x")
        look(lambda piece=piece: parse_sipfrag(piece))  # type: ignore[misc]
    look(lambda: whole_frame(data))


def use(message: Message) -> None:
    """Read every view; write the message and its answer, and read them again."""
    for name in VIEWS:
        look(lambda name=name: write_again(getattr(message, name)))  # type: ignore[misc]
    look(lambda: leaves(message))
    look(lambda: session_of(message))
    for address in (message.from_, message.to):
        look(lambda address=address: (address.uri.aor, str(address.uri), address.display, address.params))  # type: ignore[misc]
    again = parse(write(message))
    assert again.with_body(b"") == message.with_body(b""), "another after writing"
    assert again.body == message.body
    assert again.via == message.via and again.to == message.to
    if isinstance(message, Request):
        look(lambda: message.request_uri)
        answer = parse(write(message.response(200, to_tag="t")))
        assert answer.via == message.via and answer.call_id == message.call_id
        assert answer.to.tag == (message.to.tag or "t")


def write_again(value: object) -> None:
    """Write what was read of a header field, as it is and changed."""
    for one in value if isinstance(value, tuple | list) else (value,):
        str(one)
        if isinstance(one, NameAddr | Via):
            str(one.with_params(tag="t"))
        if isinstance(one, NameAddr):
            str(one.without("tag"))
            str(NameAddr.make(one.display, one.uri_text))


def use_sdp(sdp: Sdp) -> None:
    """Read a description; write it, and read it again."""
    assert Sdp.parse(bytes(sdp)) == sdp
    look(lambda: sdp.origin.next_version())
    again = Sdp.parse(bytes(sdp.with_direction("sendonly")))
    assert again.held or not [media for media in again.media if not media.rejected]


def follow(data: bytes, chance: random.Random) -> None:
    """Read the bytes as a stream, in one piece and in several."""
    whole, parts = Framer(), Framer()
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    one, broken = feed(whole, [data])
    other, broken_too = feed(parts, pieces)
    assert one == other, "another when split"
    assert broken == broken_too, "broken when split"


def feed(framer: Framer, pieces: Sequence[bytes]) -> tuple[list[Unit], int]:
    """Feed a framer until it gives up; what came out, and the status if it did."""
    units: list[Unit] = []
    for piece in pieces:
        try:
            units += framer.feed(piece)
        except Broken as error:
            return units + error.units, error.code
    return units, 0


def run(seed: int, enough: Callable[[int], bool]) -> int:
    """
    Try mutated messages until it is enough.

    @param enough: gets the number of tries so far.
    @return: how many there were.
    @raise AssertionError: with the seed and the message, at the first failure.
    """
    chance = random.Random(seed)
    tries = 0
    while not enough(tries):
        data = mutate(chance)
        start = time.process_time()
        try:
            attempt(data, chance)
        except Exception as error:
            raise AssertionError(f"seed {seed}, try {tries}: {error!r}\n{data!r}") from error
        spent = time.process_time() - start
        assert spent < 1, f"seed {seed}, try {tries}: {spent:.1f} s\n{data!r}"
        tries += 1
    return tries


def main() -> None:
    """Run from the command line."""
    arguments = argparse.ArgumentParser(description="Mutate SIP messages and read them.")
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = arguments.parse_args()
    end = time.monotonic() + options.seconds
    tries = run(options.seed, lambda _: time.monotonic() > end)
    sys.stdout.write(f"{tries} messages, seed {options.seed}: no exception but ours\n")


if __name__ == "__main__":
    main()
