"""Messages of a layout that is known are read as they were before it was."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire import layouts
from b2bua.wire.message import Message, Request, write
from b2bua.wire.parser import ReadRequest, parse
from b2bua.wire.registry import KNOWN
from b2bua.wire.via import Via
from tests.wire.samples import BYE, INVITE

SPOILED = {
    "a mandatory one that is missing": (b"Call-ID: ", b"Contact: "),
    "a name that is spelled in another way": (b"From: ", b"FROM: "),
    "white space at the end": (b"Max-Forwards: 70", b"Max-Forwards: 70 \t"),
    "a lone CR": (b"Max-Forwards: 70", b"Max-Forwards: 7\r0"),
    "a lone LF": (b"Max-Forwards: 70", b"Max-Forwards: 7\n0"),
    "a lone CR in the start-line": (b" SIP/2.0\r\n", b" \rSIP/2.0\r\n"),
    "a lone LF in the start-line": (b" SIP/2.0\r\n", b" SIP/2.0\n\r\n"),
    "a line that only LF ends": (b"\r\nMax-Forwards", b"\nMax-Forwards"),
    "NUL": (b"Max-Forwards: 70", b"Max-Forwards: 7\0000"),
    "a folded line": (b"Max-Forwards: 70", b"Max-Forwards:\r\n 70"),
    "an empty line first": (b"BYE sip:", b"\r\nBYE sip:"),
    "no start-line": (b"BYE sip:", b"\r\nB: sip:"),
    "no UTF-8": (b"From: ", b"From: \xff "),
    "a field that nobody knows": (b"\r\n\r\n", b"\r\nX: y\r\n\r\n"),
    "a field for the second time": (b"\r\n\r\n", b"\r\nTo: <sip:alice@example.com>\r\n\r\n"),
}
OTHER = {
    "another field of that letter": (b"Contact: ", b"Call-Info: "),
    "an empty value": (b"Max-Forwards: 70", b"Max-Forwards: "),
    "a field more": (b"\r\n\r\n", b"\r\nSubject: y\r\n\r\n"),
    "no more fields": (BYE[BYE.index(b"Contact: ") : BYE.index(b"\r\n\r\n") + 2], b""),
    "no Content-Length": (b"Content-Length: 0\r\n", b""),
    "a Content-Length that is none": (b"Content-Length: 0", b"Content-Length: +0"),
    "a body that is announced": (b"Content-Length: 0\r\n\r\n", b"Content-Length: 2\r\n\r\nabc"),
    "a body that is missing": (b"Content-Length: 0", b"Content-Length: 2"),
}
"""What is not always the same behind the fields that every message must have."""
FORWARDS_FIRST = BYE.replace(b"Max-Forwards: 70\r\n", b"").replace(b"Via: ", b"Max-Forwards: 70\r\nVia: ")


LENGTH_FIRST = BYE.replace(b"Content-Length: 0\r\n", b"").replace(b"Via: ", b"Content-Length: 0\r\nVia: ")


def read(data: bytes) -> tuple[object, ...]:
    """Read a message: what is in it, or what is wrong with it."""
    try:
        message = parse(data)
    except PeerError as error:
        return (error.why, error.section, error.where, error.code)
    return (
        message.start_line(),
        message.fields,
        dict(message.first),
        message.distinct,
        message.body,
        (message.via, message.branch, message.from_tag, message.to_tag, message.call_id, message.cseq),
        (message.from_, message.to, message.from_.tag, message.to.tag),
    )


def forget() -> None:
    """Know no layout."""
    layouts._known.clear()
    layouts._times.clear()
    layouts._rests.clear()


def known(data: bytes) -> bool:
    """Is it of a layout that is known?"""
    head = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    return "\ufffd" not in head and layouts.take_apart(f"{head}\r\n") is not None


def learned(data: bytes) -> None:
    """Have it come so often that its layout is known, if it is one."""
    forget()
    for _ in range(layouts.OFTEN):
        read(data)


class LayoutTests(SynchronousTestCase):
    """What is known of layouts makes no difference but in time."""

    def setUp(self) -> None:
        """Know none."""
        forget()
        self.addCleanup(forget)

    def test_learned(self) -> None:
        """A layout is known once it was read; fields stand in their order, and are written as they were."""
        for data in (BYE, INVITE):
            unknown = read(data)
            self.assertFalse(known(data))
            learned(data)
            self.assertTrue(known(data))
            self.assertEqual(read(data), unknown)
            self.assertEqual(write(parse(data)), data)
            self.assertEqual(parse(data), Message.with_fields(parse(data)))

    def test_copied(self) -> None:
        """A copy with other fields of what was read of a known layout has nothing of the fields before."""
        for data in (BYE, INVITE):
            learned(data)
            copied = parse(data).with_fields(remove=["To"], add=[("To", "<sip:bob@example.com>;tag=new")])
            self.assertEqual((copied.to_tag, copied.first["To"][-3:], copied.distinct), ("new", "new", True))
            self.assertEqual((copied.branch, copied.cseq), (parse(data).branch, parse(data).cseq))

    def test_not_shared(self) -> None:
        """What is changed in one (RFC 3261 section 18.2.1) is not seen in others with the same rest."""
        learned(BYE)
        before, message, after = parse(BYE), parse(BYE), parse(BYE.replace(b"CSeq: ", b"CSeq: 1"))
        untouched = dict(before.first), dict(after.first)
        assert isinstance(message, Request)
        message.came_by(Via.make("UDP", "192.0.2.9", params=(("branch", "z9hG4bKother"),)))
        self.assertNotEqual(message.first["Via"], before.first["Via"])
        self.assertEqual((before.first, after.first), untouched)
        self.assertNotEqual(before.first["CSeq"], after.first["CSeq"])
        self.assertEqual(parse(BYE), before)

    def test_spoiled(self) -> None:
        """Whatever is not written as most messages are is read with care, and refused if it was before."""
        for data in (BYE, FORWARDS_FIRST, LENGTH_FIRST):
            for what, (old, new) in SPOILED.items():
                if what == "white space at the end" and data != FORWARDS_FIRST:
                    continue  # what comes last may have some
                spoiled = data.replace(old, new, 1)
                self.assertNotEqual(spoiled, data, what)
                forget()
                unknown = read(spoiled)
                learned(data)
                self.assertFalse(known(spoiled), what)
                self.assertEqual(read(spoiled), unknown, what)
                learned(spoiled)
                self.assertEqual(read(spoiled), unknown, what)

    def test_other_rest(self) -> None:
        """What comes after the fields that every message must have may be another each time."""
        for what, (old, new) in OTHER.items():
            other = BYE.replace(old, new, 1)
            self.assertNotEqual(other, BYE, what)
            forget()
            unknown = read(other)
            learned(BYE)
            for _ in range(3):
                self.assertTrue(known(other), what)
                self.assertEqual(read(other), unknown, what)

    def test_body_with_an_empty_line(self) -> None:
        """A body that ends with an empty line is no part of the head, which is read as that of any other."""
        for body in (b"a: b\r\n\r\n", b"\r\n\r\n", b"x\r\n\r\ny\r\n\r\n", b"Subject: \xff\r\n\r\n"):
            data = BYE.replace(b"Length: 0", b"Length: %d" % len(body)) + body
            forget()
            unknown = read(data)
            learned(BYE)
            for _ in range(2 * layouts.OFTEN):
                self.assertEqual(read(data), unknown)
            self.assertEqual((parse(data).body, type(parse(data))), (body, ReadRequest))
            self.assertFalse(any(body.decode("latin-1") in rest for rest in layouts._rests), body)

    def test_length_first(self) -> None:
        """Content-Length may stand anywhere; it is read in each message (RFC 3261 sections 18.3, 20.14)."""
        bodies = {b"0": b"left over", b"4": b"body", b"3": b"body", b"04": b"body", b"5": b"body", b"": b""}
        wrong = {b"x": b"", b"+0": b"", b"-1": b"", b"99999999999": b"", b"0 0": b""}
        for length, body in (bodies | wrong).items():
            other = LENGTH_FIRST.replace(b"Length: 0", b"Length: " + length) + body
            forget()
            unknown = read(other)
            learned(LENGTH_FIRST)
            for _ in range(3):
                self.assertTrue(known(other), length)
                self.assertEqual(read(other), unknown, length)
        self.assertEqual(parse(LENGTH_FIRST.replace(b"Length: 0", b"Length: 3") + b"body").body, b"bod")
        twice = LENGTH_FIRST.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
        self.assertFalse(known(twice))
        self.assertIn("More than one Content-Length", read(twice))

    def test_same_rest(self) -> None:
        """The same rest behind other fields is told apart, however often they take turns."""
        messages = [BYE.replace(b"Via: ", f"{name}: x\r\nVia: ".encode()) for name in ALIKE[1:]]
        messages += [BYE, BYE.replace(b"Via: ", b"Contact: <sip:a@b>\r\nVia: ")]
        unknown = [read(data) for data in messages]
        for data in messages:
            for _ in range(layouts.OFTEN):
                read(data)
        for _ in range(2):
            self.assertEqual([read(data) for data in messages], unknown)
        self.assertEqual([known(data) for data in messages], [True] * len(ALIKE) + [False])

    def test_rests_are_bounded(self) -> None:
        """Only so many are remembered, and none that is long."""
        learned(BYE)
        for number in range(2 * layouts.MOST_RESTS):
            self.assertTrue(known(BYE.replace(b"Max-Forwards: 70", f"Max-Forwards: {number}".encode())))
            self.assertLessEqual(len(layouts._rests), layouts.MOST_RESTS)
        layouts._rests.clear()
        self.assertTrue(known(BYE.replace(b"Max-Forwards: 70", b"Max-Forwards: " + b"7" * 1000)))
        self.assertEqual(layouts._rests, {})

    def test_proofs(self) -> None:
        """
        What proves who somebody is is another each time, so nothing is remembered that holds it.

        However many phones register, what comes with calls stays known.
        """
        learned(BYE)
        calls = dict(layouts._rests)
        for name in (b"Authorization", b"Proxy-Authorization"):
            for number in range(2 * layouts.MOST_RESTS):
                proof = b'%s: Digest username="1", nonce="%d"\r\nMax-Forwards' % (name, number)
                proved = BYE.replace(b"Max-Forwards", proof, 1)
                self.assertTrue(known(proved))
                self.assertIn(b"%d" % number, (parse(proved).get(name.decode()) or "").encode())
        self.assertEqual(layouts._rests, calls)

    def test_blanks(self) -> None:
        """Any blanks may stand behind a colon (RFC 3261 section 7.3.1); some fill up Content-Length."""
        for blanks in (b"", b"   ", b"\t", b" \t "):
            for data in (BYE, INVITE):
                blank = data.replace(b"From: ", b"From:" + blanks).replace(b"Length: ", b"Length:" + blanks)
                self.assertEqual(read(blank), read(data))
                learned(data)
                self.assertTrue(known(blank))
                self.assertEqual(read(blank), read(data))
                learned(blank)
                self.assertTrue(known(data))
                forget()

    def test_odd_values(self) -> None:
        """What a phone always writes in an odd way is as it was, whether its layout is known or not."""
        for line in ODD:
            odd = with_line(BYE, line)
            self.assertNotEqual(odd, BYE)
            forget()
            unknown = read(odd)
            learned(BYE)
            self.assertEqual(read(odd), unknown, line)
            learned(odd)
            self.assertEqual(read(odd), unknown, line)

    def test_now_and_then_empty(self) -> None:
        """A field that has nothing in it now and then makes two layouts, whichever came first."""
        empty = BYE.replace(b"Max-Forwards: 70", b"Supported:")
        full = BYE.replace(b"Max-Forwards: 70", b"Supported: replaces")
        unknown = read(empty), read(full)
        for first, second in ((empty, full), (full, empty)):
            forget()
            for data in (first, second):
                for _ in range(layouts.OFTEN):
                    read(data)
            self.assertEqual((known(empty), known(full)), (True, True))
            self.assertEqual((read(empty), read(full)), unknown)

    def test_changed_at_random(self) -> None:
        """Whatever is changed in a message of a known layout, it is read as if the layout were not known."""
        chance = Random(3261)
        spoiled = [fuzzed(INVITE, chance) for _ in range(2000)]
        forget()
        often = layouts.OFTEN
        self.patch(layouts, "OFTEN", 2001)
        unknown = [read(data) for data in spoiled]
        self.patch(layouts, "OFTEN", often)
        learned(INVITE)
        self.patch(layouts, "OFTEN", 2001)
        self.assertEqual([read(data) for data in spoiled], unknown)
        self.assertGreater(sum(map(known, spoiled)), 500)

    def test_alike(self) -> None:
        """Phones whose messages have as many fields are told apart, and the one that comes is tried first."""
        messages = [FORWARDS_FIRST.replace(b"Max-Forwards: 70", f"{name}: 70".encode()) for name in ALIKE]
        unknown = [read(data) for data in messages]
        for data in messages:
            for _ in range(layouts.OFTEN):
                read(data)
        self.assertEqual([known(data) for data in messages], [True] * len(ALIKE))
        self.assertEqual([read(data) for data in messages], unknown)

    def test_bounded(self) -> None:
        """A peer that makes layouts up fills no memory."""
        names = sorted(KNOWN - layouts._NEEDED.keys())
        needed = [(name, "<sip:a@b>") for name in layouts._NEEDED]
        for number in range(3 * layouts.MOST * layouts.MOST_ALIKE):
            fields = [(names[number % len(names)], "x"), (names[-1 - number // len(names)], "x"), *needed]
            head = "\r\n".join([f"{number}", *[f"{name}: {value}" for name, value in fields], ""])
            layouts.learn(head, fields)
            self.assertLessEqual(len(layouts._times), layouts.MOST * layouts.MOST_ALIKE)
        self.assertEqual(layouts._known, {})

    def test_known_are_bounded(self) -> None:
        """Of those that come often only so many are known, of one kind and in all."""
        names = sorted(KNOWN - layouts._NEEDED.keys())
        for number in range(2 * layouts.MOST_ALIKE):
            learn_often(f"BYE sip:x SIP/2.0\r\n{names[number]}: x\r\n{NEEDED}")
        self.assertEqual([len(alike) for alike in layouts._known.values()], [layouts.MOST_ALIKE])
        gone = f"BYE sip:x SIP/2.0\r\n{names[0]}: x\r\n{NEEDED}"
        self.assertIsNone(layouts.take_apart(gone))
        learn_often(gone)
        self.assertIsNotNone(layouts.take_apart(gone))
        for number in range(layouts.MOST + 1):
            learn_often(f"{chr(0x4E00 + number)}\r\n{NEEDED}")
            self.assertLessEqual(len(layouts._known), layouts.MOST)

    def test_learned_again(self) -> None:
        """What was known before so many others came is learned again."""
        learned(BYE)
        for number in range(layouts.MOST):
            learn_often(f"{chr(0x4E00 + number)}\r\n{NEEDED}")
        self.assertFalse(known(BYE))
        for _ in range(layouts.OFTEN):
            read(BYE)
        self.assertTrue(known(BYE))

    def test_odd_one_first(self) -> None:
        """One message that is odd, just when its layout would be learned, puts that off only."""
        learned(with_line(BYE, ODD[0]))
        self.assertFalse(known(BYE))
        for _ in range(layouts.OFTEN):
            self.assertFalse(known(BYE))
            read(BYE)
        self.assertTrue(known(BYE))

    def test_many_fields(self) -> None:
        """No pattern is made of a message with very many fields."""
        names = sorted(KNOWN - layouts._NEEDED.keys() - {"Content-Length", "Warning"})
        names = names[: layouts.MOST_FIELDS - len(layouts._NEEDED)]
        lines = "".join([f"\r\n{name}: x" for name in names])
        for start in ("BYE sip:x SIP/2.0", "BYE sip:x SIP/2.0\r\nWarning: x"):
            learn_often(f"{start}{lines}\r\n{NEEDED}")
        self.assertIsNotNone(layouts.take_apart(f"BYE sip:x SIP/2.0{lines}\r\n{NEEDED}"))
        self.assertIsNone(layouts.take_apart(f"BYE sip:x SIP/2.0\r\nWarning: x{lines}\r\n{NEEDED}"))


NEEDED = "\r\n".join(
    (
        "Via: SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKa",
        "From: <sip:a@b>;tag=a",
        "To: <sip:a@b>",
        "Call-ID: a",
        "CSeq: 1 BYE",
        "",
    )
)
ALIKE = ("Max-Forwards", "Subject", "Organization", "Server")
ODD = (
    b"From: sip:alice@example.com;tag=1",
    b"From: <sip:alice@example.com>;tag=1;x=y",
    b"From: <sip:alice@example.com> ;tag=1",
    b"From: <sip:alice@example.com>;TAG=1",
    b'From: "A \\"b\\" <c>, d" <sip:alice@example.com>;tag=1',
    b'From: "A <b>, c;d" <sip:alice@example.com>;tag=1',
    b'From: "A\nb" <sip:alice@example.com>;tag=1',
    b"From: A\nb <sip:alice@example.com>;tag=1",
    b"From: \xc2\xa0A <sip:alice@example.com>;tag=1",
    b"To: <sip:alice@example.com>",
    b"To: <sip:alice@example.com>;tag=",
    b"To: <sip:alice@example.com>;tag=1;tag=2",
    b"Via: SIP/2.0/UDP 192.0.2.8",
    b"Via: SIP/2.0/UDP 192.0.2.8\n;branch=z9hG4bKa",
    b"Via: SIP/2.0/UDP 192.0.2.8;BRANCH=z9hG4bKa;rport",
    b"Via: SIP/2.0/UDP 192.0.2.8;branch=a;branch=b",
    b'Via: SIP/2.0/UDP 192.0.2.8;x="y";branch=a',
    b"Via: SIP/2.0/UDP 192.0.2.8;branch=a, SIP/2.0/UDP 192.0.2.9;branch=b",
    b"Via: SIP / 2.0 / UDP 192.0.2.8 : 5060;branch=a",
    b"Via: SIP/2.0/udp [2001:db8::1]:5070;branch=a",
    b"Via: SIP/2.0/UDP 192.0.2.8:70000;branch=a",
    b"Via: SIP/2.0/UDP;branch=a",
    b"Via: ",
    b"Call-ID: a b",
    b"Call-ID: a\tb",
    b"Call-ID: a\xc2\xa0b",
    b"Call-ID: ",
    b"CSeq: one BYE",
    b"CSeq: 1  BYE",
    b"CSeq: 9999999999 BYE",
    b"CSeq: 1 INVITE",
    b"Content-Length: 7",
    b"Content-Length: x",
    b"Max-Forwards: \x0070",
    b"Max-Forwards: 70\xe2\x80\xa8",
    b"BYE  sip:bob@example.com SIP/2.0",
    b"SIP/2.0 200 OK",
    b"SIP/2.0 200 ",
    b"SIP/2.0 200",
    b"SIP/3.0 200 OK",
)


PIECES = (b"", b"\r", b"\n", b"\0", b" ", b"\t", b";", b",", b"<", b">", b'"', b"=", b"a", b"\xff")


def with_line(data: bytes, line: bytes) -> bytes:
    """The like with another line for one that begins so, or else with another start-line."""
    name = line.partition(b": ")[0] + b": "
    lines = data.split(b"\r\n")
    at = next((at for at, old in enumerate(lines) if old.startswith(name)), 0)
    return b"\r\n".join([*lines[:at], line, *lines[at + 1 :]])


def fuzzed(data: bytes, chance: Random) -> bytes:
    """Change a few bytes of the head."""
    changed = bytearray(data)
    end = data.index(b"\r\n\r\n")
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(end)
        piece = chance.choice(PIECES)
        changed[at : at + chance.randint(0, 2)] = piece
    return bytes(changed)


def learn_often(head: str) -> None:
    """Have a head come often."""
    fields = [(name, value) for name, _, value in [line.partition(": ") for line in head.split("\r\n")[1:-1]]]
    for _ in range(layouts.OFTEN):
        layouts.learn(head, fields)
