"""What holds for every value, not only for the ones that we thought of."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from b2bua.errors import PeerError
from b2bua.wire.digest import ALGORITHMS, Challenge, Credentials, answer, ha1
from b2bua.wire.fields import CSeq, Event, Reason, Replaces, SubscriptionState, Via, WarningText
from b2bua.wire.grammar import (
    parse_params,
    quote,
    split_list,
    unescape,
    unquote,
    without_controls,
    write_params,
)
from b2bua.wire.message import Message, Request, Response, write
from b2bua.wire.multipart import parse_multipart, write_multipart
from b2bua.wire.names import NameAddr
from b2bua.wire.parser import Malformed, parse
from b2bua.wire.registry import COMPACT
from b2bua.wire.sdp import Origin, Sdp, replace_origin, without_origin
from b2bua.wire.stream import PING, Framer, Unit
from b2bua.wire.uri import Uri, escape_header, escape_user
from tests.wire.samples import ALL, SDP

TOKEN_CHARS = "abcXYZ019-.!%*_+`'~"
tokens = st.text(TOKEN_CHARS, min_size=1, max_size=12)
# Text that may stand in a quoted-string: anything but line breaks and NUL.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=30)
# The value of an unknown field: no white space around it.
values = texts.map(lambda text: text.strip(" \t"))
hosts = st.one_of(
    st.from_regex(r"[a-z][a-z0-9\-]{0,8}(\.[a-z]{2,4})?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
ports = st.none() | st.integers(0, 65535)
params = st.lists(st.tuples(tokens, st.none() | texts.filter(bool)), max_size=4).map(tuple)
uri_params = st.lists(st.tuples(tokens, st.none() | tokens), max_size=3).map(tuple)
users = st.text(min_size=1, max_size=15).map(lambda text: text.encode("utf-8", "replace").decode())
uris = st.builds(
    Uri,
    st.sampled_from(["sip", "sips"]),
    st.none() | users.map(escape_user),
    hosts,
    ports,
    uri_params,
    st.lists(st.tuples(tokens, texts.map(escape_header)), max_size=2).map(tuple),
    st.none(),
)
addresses = st.builds(NameAddr.make, texts, uris, params)
vias = st.builds(Via.make, st.sampled_from(["UDP", "TCP", "TLS", "WSS", "X-NEW"]), hosts, ports, params)
MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
unknown = st.tuples(tokens.map(lambda name: f"X-{name}"), values)
bodies = st.binary(max_size=60)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A request or a response with all that it must have, in any order and spelling."""
    method = draw(st.sampled_from(["INVITE", "BYE", "NOTIFY"]) | tokens)
    body = draw(bodies)
    fields = [
        ("Via", ", ".join(str(via) for via in draw(st.lists(vias, min_size=1, max_size=3)))),
        ("From", str(draw(addresses))),
        ("To", str(draw(addresses))),
        ("Call-ID", draw(st.text(TOKEN_CHARS + '@()<>:\\"/[]?{}', min_size=1, max_size=20))),
        ("CSeq", str(CSeq(draw(st.integers(0, 2**31 - 1)), method))),
        *draw(st.lists(unknown, max_size=4)),
        *[("Contact", str(item)) for item in draw(st.lists(addresses, max_size=2))],
    ]
    if draw(st.booleans()):
        fields.append(("Content-Length", str(len(body))))
    fields = draw(st.permutations(fields))
    short = {name: letter for letter, name in COMPACT.items()}
    case = draw(st.sampled_from(["as it is", "lower", "upper", "compact"]))
    spelled: dict[str, Callable[[str], str]] = {
        "as it is": str,
        "lower": str.lower,
        "upper": str.upper,
        "compact": lambda name: short.get(name, name),
    }
    fields = [(spelled[case](name), value) for name, value in fields]
    if draw(st.booleans()):
        return Request(method, str(draw(uris)), fields, body)
    return Response(draw(st.integers(100, 699)), draw(values), fields, body)


def with_length(message: Message) -> Message:
    """The message as it is after writing: with its Content-Length."""
    if message.get("Content-Length") is not None:
        return message
    return message.with_fields(add=[("Content-Length", str(len(message.body)))])


class GrammarProperties(SynchronousTestCase):
    """The parts."""

    @given(texts)
    @example('"\\')
    def test_quotes(self, text: str) -> None:
        """Unquoting undoes quoting."""
        self.assertEqual(unquote(quote(text)), text)

    @given(params)
    def test_params(self, items: tuple[tuple[str, str | None], ...]) -> None:
        """Parameters are read as they were written."""
        self.assertEqual(parse_params(write_params(items)), items)

    @given(st.lists(addresses, max_size=4))
    def test_lists(self, items: list[NameAddr]) -> None:
        """A list is taken apart where it was put together."""
        self.assertEqual([NameAddr.parse(x) for x in split_list(",".join(map(str, items)))], items)

    @given(users)
    def test_escapes(self, text: str) -> None:
        """Unescaping undoes escaping."""
        self.assertEqual(unescape(escape_user(text)), text)
        self.assertEqual(unescape(escape_header(text)), text)

    @given(uris)
    def test_uris(self, uri: Uri) -> None:
        """A URI is read as it was written, and is equivalent to itself."""
        self.assertEqual(Uri.parse(str(uri)), uri)
        self.assertTrue(Uri.parse(str(uri)).equivalent(uri))

    @given(uris, uris)
    def test_equivalence_is_symmetric(self, one: Uri, other: Uri) -> None:
        """If one is equivalent to the other, so is the other to the one."""
        self.assertEqual(one.equivalent(other), other.equivalent(one))

    @given(users, hosts)
    def test_aor(self, user: str, host: str) -> None:
        """The key of a user does not depend on how much of it is escaped."""
        plain = Uri.make(user, host)
        every = "".join(f"%{byte:02x}" for byte in user.encode())
        self.assertEqual(Uri("sip", every, host.upper(), 5060).aor, plain.aor)

    @given(texts, uris, params)
    def test_addresses(self, display: str, uri: Uri, items: tuple[tuple[str, str | None], ...]) -> None:
        """An address is read as it was made, but for control characters in the name."""
        address = NameAddr.parse(str(NameAddr.make(display, uri, items)))
        shown = without_controls(display)
        self.assertEqual((address.display, address.uri, address.params), (shown, uri, items))

    @given(vias)
    def test_vias(self, via: Via) -> None:
        """A Via is read as it was written, in both ways that we have for it."""
        read = Via.parse(str(via))
        self.assertEqual((read, read.params), (via, via.params))
        spaced = Via.parse(" SIP / 2.0/ " + str(via)[8:] + " ")
        self.assertEqual((spaced, spaced.branch), (via, via.branch))

    @given(tokens, tokens, tokens, st.booleans())
    def test_replaces(self, call_id: str, to_tag: str, from_tag: str, early: bool) -> None:
        """Replaces goes through a URI and back."""
        value = Replaces(call_id, to_tag, from_tag, early)
        uri = Uri.parse("sip:a@b").with_headers(("Replaces", str(value)))
        self.assertEqual(Replaces.parse(Uri.parse(str(uri)).header("Replaces") or ""), value)

    @given(tokens, st.none() | st.integers(0, 9999), texts)
    def test_reason(self, protocol: str, cause: int | None, text: str) -> None:
        """Reason is read as it was written."""
        self.assertEqual(Reason.parse(str(Reason(protocol, cause, text))), Reason(protocol, cause, text))

    @given(st.integers(100, 999), tokens, texts)
    def test_warning(self, code: int, agent: str, text: str) -> None:
        """Warning is read as it was written."""
        self.assertEqual(
            WarningText.parse(str(WarningText(code, agent, text))), WarningText(code, agent, text)
        )

    @given(tokens, tokens)
    def test_event(self, package: str, number: str) -> None:
        """Event is read as it was written."""
        self.assertEqual(Event.parse(str(Event(package, number))), Event(package, number, (("id", number),)))

    @given(tokens.map(str.lower), st.none() | st.integers(0, 2**32 - 1), tokens.map(str.lower))
    def test_state(self, state: str, expires: int | None, reason: str) -> None:
        """Subscription-State is read as it was written."""
        value = SubscriptionState(state, expires, reason)
        self.assertEqual(SubscriptionState.parse(str(value)), value)


class MessageProperties(SynchronousTestCase):
    """Whole messages."""

    @given(messages())
    def test_generated(self, message: Message) -> None:
        """What is written is read as the same."""
        self.assertEqual(parse(write(message)), with_length(message))

    @given(messages())
    def test_received(self, message: Message) -> None:
        """What was read is written as the same bytes."""
        data = write(message)
        self.assertEqual(write(parse(data)), data)

    @given(messages(), st.data())
    def test_folding(self, message: Message, data: st.DataObject) -> None:
        """Folding a field at a space changes nothing."""
        head, blank, body = write(message).partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        at = data.draw(st.integers(0, len(lines) - 1))
        name, colon, value = lines[at].partition(b": ")
        lines[at] = name + colon + b"\r\n\t  " + value
        folded = b"\r\n".join([first, *lines]) + blank + body
        self.assertEqual(parse(folded), parse(write(message)))

    @given(messages(), st.integers(101, 699), tokens)
    def test_answers(self, message: Message, code: int, tag: str) -> None:
        """Any request can be answered, and the answer read."""
        if not isinstance(message, Request):
            return
        answer = parse(write(message.response(code, to_tag=tag)))
        self.assertEqual((answer.vias, answer.call_id), (message.vias, message.call_id))
        self.assertEqual((answer.cseq, str(answer.from_)), (message.cseq, str(message.from_)))
        self.assertEqual(answer.to.tag, message.to.tag or tag)
        self.assertEqual(answer.to.uri_text, message.to.uri_text)

    @given(st.binary(max_size=300))
    def test_anything(self, data: bytes) -> None:
        """Any bytes are a message or malformed, and nothing else."""
        for piece in (data, b"BYE sip:a SIP/2.0\r\n" + data, b"SIP/2.0 200 OK\r\n" + data + b"\r\n\r\n"):
            try:
                message = parse(piece)
            except Malformed as error:
                self.assertIn(error.code, (400, 413, 414, 505, 513))
            else:
                self.assertEqual(parse(write(message)).via, message.via)

    @given(st.lists(st.sampled_from([*ALL.values(), b"\r\n\r\n"]), max_size=5), st.data())
    def test_streams(self, pieces: list[bytes], data: st.DataObject) -> None:
        """A stream gives the same units, wherever it is cut."""
        stream = b"".join(pieces)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        framer = Framer()
        got: list[Unit] = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            got += framer.feed(stream[start:end])
        self.assertEqual(got, [PING if piece == b"\r\n\r\n" else piece for piece in pieces])


class BodyProperties(SynchronousTestCase):
    """Bodies and digest."""

    @given(st.lists(st.tuples(st.lists(unknown, max_size=2), bodies), max_size=4))
    def test_multipart(self, parts: list[tuple[list[tuple[str, str]], bytes]]) -> None:
        """Parts are taken out as they were put in."""
        content = parse_multipart(*write_multipart(parts, "0123456789abcdef"))
        self.assertEqual([(list(part.fields), part.body) for part in content.parts], parts)

    @given(st.lists(st.from_regex(rb"[a-z]=[ -~]{0,20}", fullmatch=True), max_size=12))
    def test_sdp(self, lines: list[bytes]) -> None:
        """A description goes out as it came in, or it is none."""
        body = b"v=0\r\no=- 1 1 IN IP4 h\r\n" + b"".join(line + b"\r\n" for line in lines)
        try:
            sdp = Sdp.parse(body)
        except PeerError:
            return
        self.assertEqual(bytes(sdp), body)
        self.assertEqual(bytes(sdp.with_media(sdp.media)), body)

    @given(tokens, st.integers(0, 2**63), hosts)
    def test_origin(self, user: str, version: int, host: str) -> None:
        """Swapping the o= line is what parsing and changing it would do."""
        origin = Origin(user, "1", version, address=host)
        swapped = replace_origin(SDP, origin.line)
        self.assertEqual(swapped, bytes(Sdp.parse(SDP).with_origin(origin)))
        self.assertEqual(without_origin(swapped), without_origin(SDP))

    @given(
        st.sampled_from([*ALGORITHMS, *[f"{name}-sess" for name in ALGORITHMS]]),
        st.sampled_from([("auth",), ("auth-int",), ()]),
        texts,
        texts,
        texts,
        texts,
        bodies,
    )
    def test_digest(
        self,
        algorithm: str,
        qop: tuple[str, ...],
        user: str,
        realm: str,
        password: str,
        nonce: str,
        body: bytes,
    ) -> None:
        """Whatever names and secrets hold, the server finds right what the client answered."""
        challenge = Challenge.parse(str(Challenge(realm, nonce, algorithm, qop)))
        assert challenge is not None
        sent = answer(challenge, user, "REGISTER", "sip:a", password=password, body=body, cnonce="c")
        got = Credentials.parse(str(sent))
        self.assertEqual(got, sent)
        self.assertTrue(sent.check(ha1(algorithm, user, realm, password), "REGISTER", body))
