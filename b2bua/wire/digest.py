"""
Digest authentication: the arithmetic and the header fields, for both ends.

RFC 7616 as RFC 8760 applies it to SIP, and RFC 3261 section 22 for peers that
know MD5 only.  What is remembered between a challenge and its answer (nonces,
their age, the counts seen) is the business of whoever calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import md5, new, sha256
from hmac import compare_digest
from typing import Self
from urllib.parse import unquote_to_bytes

from b2bua.errors import PeerError, UsageError
from b2bua.wire.grammar import LWS, QUOTED, TOKEN, quote, refuse_breaks, unquote

SECTION = "RFC 7616 3"

Params = dict[str, str]

_SCHEME = re.compile(rf"{LWS}({TOKEN}++)(?:[ \t]++|\Z)")
# auth-param = token EQUAL ( token / quoted-string ); a value without quotes may
# hold what phones forgot to quote, a URI for one.
_PARAM = re.compile(rf'{LWS}({TOKEN}++){LWS}={LWS}({QUOTED}|[^\s,"]*+){LWS}(?:,|\Z)', re.DOTALL)
_HEX = re.compile(r"[0-9A-Fa-f]++\Z")


def _sha512_256(data: bytes) -> str:
    """SHA-512/256 as FIPS 180-4 defines it: not a truncated SHA-512."""
    return new("sha512_256", data).hexdigest()


_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: sha256(data).hexdigest(),
    "SHA-512-256": _sha512_256,
}
ALGORITHMS = ("SHA-512-256", "SHA-256", "MD5")
"""The hashes that we know, the best first."""


def split_algorithm(algorithm: str) -> tuple[str, bool]:
    """
    Take an algorithm apart into its hash and whether it is a -sess variant.

    @return: the hash in upper case, "" if it is not known.
    """
    name = (algorithm or "MD5").upper()
    session = name.endswith("-SESS")
    if session:
        name = name[:-5]
    return (name if name in _HASHES else "", session)


def hashed(algorithm: str, text: str | bytes) -> str:
    """H(text) of the algorithm, in lower-case hexadecimal."""
    name, _ = split_algorithm(algorithm)
    if not name:
        raise UsageError(f"No such digest algorithm: {algorithm}")
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return _HASHES[name](data)


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """H(user:realm:password), which can be stored instead of the password."""
    return hashed(algorithm, f"{user}:{realm}:{password}")


def userhash(algorithm: str, user: str, realm: str) -> str:
    """The user name as it is sent with userhash=true (RFC 7616 section 3.4.4)."""
    return hashed(algorithm, f"{user}:{realm}")


def response(
    algorithm: str,
    secret: str,
    method: str,
    uri: str,
    nonce: str,
    *,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """
    Compute the request-digest (RFC 7616 section 3.4.1).

    @param secret: what L{ha1} gives.
    @param qop: auth, auth-int, or "" as in RFC 2069.
    """
    if split_algorithm(algorithm)[1]:
        secret = hashed(algorithm, f"{secret}:{nonce}:{cnonce}")
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 += ":" + hashed(algorithm, body)
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return hashed(algorithm, f"{secret}:{middle}:{hashed(algorithm, a2)}")


def parse_digest(text: str) -> Params | None:
    """
    Parse C{Digest name=value, name="value"}.

    @return: the parameters by lower-case name, None if the scheme is another.
    @raise PeerError: 400, if it is malformed or says something twice.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise PeerError("Malformed authentication", section=SECTION, where=text)
    if scheme[1].lower() != "digest":
        return None
    return parse_auth_params(text, scheme.end())


def parse_auth_params(text: str, at: int = 0) -> Params:
    """Parse C{name=value, name="value"} from a position on."""
    found: Params = {}
    while at < len(text):
        match = _PARAM.match(text, at)
        if match is None:
            raise PeerError("Malformed authentication", section=SECTION, where=text[at:])
        name = match[1].lower()
        if name in found:
            raise PeerError(f"{name} is given twice", section=SECTION, where=text)
        found[name] = unquote(match[2])
        at = match.end()
    return found


@dataclass(frozen=True, slots=True)
class Challenge:
    """WWW-Authenticate or Proxy-Authenticate (RFC 7616 section 3.3)."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ("auth",)
    opaque: str | None = None
    stale: bool = False
    userhash: bool = False
    domain: str = ""

    @staticmethod
    def parse(text: str) -> Challenge | None:
        """Parse one field; None if it is not about Digest."""
        params = parse_digest(text)
        if params is None:
            return None
        if "realm" not in params or "nonce" not in params:
            raise PeerError("A challenge needs realm and nonce", section=SECTION, where=text)
        qop = tuple(item for part in params.get("qop", "").split(",") if (item := part.strip()))
        return Challenge(
            params["realm"],
            params["nonce"],
            params.get("algorithm", "MD5"),
            qop,
            params.get("opaque"),
            params.get("stale", "").lower() == "true",
            params.get("userhash", "").lower() == "true",
            params.get("domain", ""),
        )

    @classmethod
    def parse_all(cls, lines: Iterable[str]) -> tuple[Challenge, ...]:
        """Parse the fields of a message, leaving out other schemes."""
        return tuple([item for line in lines if (item := cls.parse(line)) is not None])

    @property
    def understood(self) -> bool:
        """Can we answer it: do we know its algorithm and one of its qop values?"""
        known = not self.qop or "auth" in self.qop or "auth-int" in self.qop
        return known and split_algorithm(self.algorithm)[0] != ""

    def __str__(self) -> str:
        """The value of the header field."""
        text = f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        if self.domain:
            text += f", domain={quote(self.domain)}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        if self.stale:
            text += ", stale=true"
        text += f", algorithm={self.algorithm}"
        if self.qop:
            text += f", qop={quote(','.join(self.qop))}"
        if self.userhash:
            text += ", userhash=true"
        return refuse_breaks(text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Authorization or Proxy-Authorization (RFC 7616 section 3.4)."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str | None = None
    userhash: bool = False

    @staticmethod
    def parse(text: str) -> Credentials | None:
        """Parse one field; None if it is not about Digest."""
        params = parse_digest(text)
        if params is None:
            return None
        if not params.keys() >= {"realm", "nonce", "uri", "response"}:
            raise PeerError("Credentials need realm, nonce, uri and response", section=SECTION, where=text)
        return Credentials(
            _username(params),
            params["realm"],
            params["nonce"],
            params["uri"],
            params["response"],
            params.get("algorithm", "MD5"),
            params.get("qop", ""),
            params.get("nc", ""),
            params.get("cnonce", ""),
            params.get("opaque"),
            params.get("userhash", "").lower() == "true",
        )

    @classmethod
    def parse_all(cls, lines: Iterable[str]) -> tuple[Credentials, ...]:
        """Parse the fields of a message, leaving out other schemes."""
        return tuple([item for line in lines if (item := cls.parse(line)) is not None])

    @property
    def count(self) -> int:
        """The nonce count as a number, 0 without one (RFC 7616 section 3.4)."""
        if not self.nc:
            return 0
        if len(self.nc) != 8 or _HEX.match(self.nc) is None:
            raise PeerError("Malformed nonce count", section="RFC 7616 3.4", where=self.nc)
        return int(self.nc, 16)

    def check(self, secret: str, method: str, body: bytes = b"") -> bool:
        """
        Say whether the request-digest is right.

        Whether realm, nonce, uri and count are what they should be is checked
        by whoever issued the challenge.

        @param secret: what L{ha1} gives for the user and the algorithm.
        """
        if self.qop not in ("", "auth", "auth-int") or not split_algorithm(self.algorithm)[0]:
            return False
        if self.qop and not (self.cnonce and self.count):
            return False
        expected = response(
            self.algorithm,
            secret,
            method,
            self.uri,
            self.nonce,
            qop=self.qop,
            nc=self.nc,
            cnonce=self.cnonce,
            body=body,
        )
        given = self.response.lower().encode("utf-8", "surrogateescape")
        return compare_digest(expected.encode(), given)

    def __str__(self) -> str:
        """The value of the header field; uri is quoted (RFC 8760 section 2.6)."""
        text = (
            f"Digest username={quote(self.username)}, realm={quote(self.realm)}, "
            f"nonce={quote(self.nonce)}, uri={quote(self.uri)}, "
            f"response={quote(self.response)}, algorithm={self.algorithm}"
        )
        if self.qop:
            text += f", qop={self.qop}, nc={self.nc}"
        if self.cnonce:
            text += f", cnonce={quote(self.cnonce)}"
        if self.opaque is not None:
            text += f", opaque={quote(self.opaque)}"
        if self.userhash:
            text += ", userhash=true"
        return refuse_breaks(text)


def _username(params: Params) -> str:
    """The user name, also when it comes as username* (RFC 7616 section 3.4)."""
    if "username" in params:
        return params["username"]
    charset, _, rest = params.get("username*", "").partition("'")
    if charset.upper() != "UTF-8":
        raise PeerError("Credentials need a user name", section=SECTION)
    return unquote_to_bytes(rest.partition("'")[2]).decode("utf-8", "replace")


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The topmost challenge that we understand (RFC 8760 section 2.4)."""
    return next((item for item in challenges if item.understood), None)


def answer(
    challenge: Challenge,
    user: str,
    method: str,
    uri: str,
    *,
    password: str = "",
    secret: str = "",
    body: bytes = b"",
    cnonce: str,
    count: int = 1,
) -> Credentials:
    """
    Answer a challenge.

    @param password: the password, unless C{secret} is given.
    @param secret: what L{ha1} gives.
    @param cnonce: fresh random text of the caller's making.
    @param count: how often the nonce was used, this time included.
    """
    algorithm = challenge.algorithm
    if not challenge.understood:
        raise UsageError(f"No answer to {challenge}")
    secret = secret or ha1(algorithm, user, challenge.realm, password)
    qop = "auth" if "auth" in challenge.qop else "auth-int" if challenge.qop else ""
    nc = f"{count:08x}" if qop else ""
    digest = response(
        algorithm, secret, method, uri, challenge.nonce, qop=qop, nc=nc, cnonce=cnonce, body=body
    )
    name = userhash(algorithm, user, challenge.realm) if challenge.userhash else user
    return Credentials(
        name,
        challenge.realm,
        challenge.nonce,
        uri,
        digest,
        algorithm,
        qop,
        nc,
        cnonce if qop or split_algorithm(algorithm)[1] else "",
        challenge.opaque,
        challenge.userhash,
    )


def answer_challenge(
    challenge: Challenge,
    user: str,
    password: str,
    method: str,
    uri: str,
    body: bytes = b"",
    cnonce: str = "",
    nc: int = 1,
) -> str:
    """Answer a challenge: the value of the header field."""
    return str(answer(challenge, user, method, uri, password=password, body=body, cnonce=cnonce, count=nc))


@dataclass(frozen=True, slots=True)
class AuthenticationInfo:
    """Authentication-Info: the server's own proof, and the next nonce (RFC 7616 3.5)."""

    nextnonce: str = ""
    qop: str = ""
    rspauth: str = ""
    cnonce: str = ""
    nc: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse it."""
        params = parse_auth_params(text)
        names = ("nextnonce", "qop", "rspauth", "cnonce", "nc")
        return cls(*[params.get(name, "") for name in names])

    def __str__(self) -> str:
        """The value of the header field."""
        parts = [f"nextnonce={quote(self.nextnonce)}"] if self.nextnonce else []
        if self.rspauth:
            parts += [f"qop={self.qop}", f"rspauth={quote(self.rspauth)}"]
            parts += [f"cnonce={quote(self.cnonce)}", f"nc={self.nc}"]
        return refuse_breaks(", ".join(parts))


def rspauth(credentials: Credentials, secret: str, body: bytes = b"") -> str:
    """The server's proof that it knows the secret too: a digest without a method."""
    item = credentials
    return response(
        item.algorithm,
        secret,
        "",
        item.uri,
        item.nonce,
        qop=item.qop,
        nc=item.nc,
        cnonce=item.cnonce,
        body=body,
    )
