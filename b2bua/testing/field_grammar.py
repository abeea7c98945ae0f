"""
The grammar of every header field that the server sends, as the RFCs have it.

It is written anew and strictly, and shares nothing with L{b2bua.wire}: what
that reads generously, others need not.  RFC 3261 section 25.1, unless another
section is named.
"""

from __future__ import annotations

import re
from functools import lru_cache

SECTION = "RFC 3261 25.1"

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'
_IPV4 = r"(?:\d{1,3}\.){3}\d{1,3}"
_IPV6 = r"[0-9A-Fa-f:.]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?"
# The top label begins with a letter: what looks like an address is one.
_HOST = rf"(?:{_IPV4}|\[{_IPV6}\]|(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.?)"
_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_COMMENT = r"\([^()\\\x00-\x1f\x7f]*\)"
_PARAM = rf"(?: ?; ?{_TOKEN}(?:=(?:{_TOKEN}|{_HOST}|{_QUOTED}))?)"
_PARAMS = rf"{_PARAM}*"

_ESCAPED = "%[0-9A-Fa-f]{2}"
_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_USER = rf"(?:[{_UNRESERVED}&=+$,;?/]|{_ESCAPED})+"
_PASSWORD = rf"(?:[{_UNRESERVED}&=+$,]|{_ESCAPED})*"
_PCHAR = rf"(?:[{_UNRESERVED}\[\]/:&+$]|{_ESCAPED})"
_HCHAR = rf"(?:[{_UNRESERVED}\[\]/?:+$]|{_ESCAPED})"
_HEADER = rf"{_HCHAR}+={_HCHAR}*"
_SIP_URI = (
    rf"sips?:(?:{_USER}(?::{_PASSWORD})?@)?{_HOST}(?::\d{{1,5}})?"
    rf"(?:;{_PCHAR}+(?:={_PCHAR}+)?)*(?:\?{_HEADER}(?:&{_HEADER})*)?"
)
_OTHER_URI = rf"(?!sips?:)[A-Za-z][A-Za-z0-9+\-.]*:(?:[{_UNRESERVED};/?:@&=+$,\[\]#]|{_ESCAPED})+"
_URI = rf"(?:{_SIP_URI}|{_OTHER_URI})"

_DISPLAY = rf"(?:{_QUOTED} ?|{_TOKEN}(?: {_TOKEN})* |)"
_NAME_ADDR = rf"{_DISPLAY}<{_URI}>"
# Section 20: a URI with a comma, question mark or semicolon stands in angle brackets.
_BARE = rf"(?![^;]*[,?])(?:sips?:(?:[{_UNRESERVED}&=+$/:]|{_ESCAPED})*@?{_HOST}(?::\d{{1,5}})?|{_OTHER_URI})"

_TAGGED = rf"(?:{_NAME_ADDR}|{_BARE}){_PARAMS}"
_BRACKETED = rf"{_NAME_ADDR}{_PARAMS}"
_INFO = rf"<{_URI}>{_PARAMS}"
_MEDIA = rf"{_TOKEN}/{_TOKEN}(?:; ?{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*"
_CALL_ID = rf"{_WORD}(?:@{_WORD})?"
_VIA_PARAM = (
    rf"(?:;received=(?:{_IPV4}|{_IPV6}|\[{_IPV6}\])|;branch={_TOKEN}|;rport(?:=\d{{1,5}})?|;maddr={_HOST}"
    rf"|;ttl=\d{{1,3}}|{_PARAM})"
)
_VIA = rf"SIP ?/ ?2\.0 ?/ ?{_TOKEN} {_HOST}(?: ?: ?\d{{1,5}})?{_VIA_PARAM}*"
_DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
_PRODUCT = rf"{_TOKEN}(?:/{_TOKEN})?"
_SECONDS = r"\d{1,10}"
# Sections 25.1 and RFC 8760: what has quotes has to have them, and what has none must not.
_CHALLENGE = rf"(?:(?:realm|domain|nonce|opaque|qop)={_QUOTED}|(?:stale|algorithm)={_TOKEN})"
_CREDENTIAL = (
    rf"(?:(?:username|realm|nonce|uri|response|cnonce|opaque)={_QUOTED}|(?:algorithm|qop)={_TOKEN}"
    r"|nc=[0-9a-fA-F]{8}|userhash=(?:true|false))"
)


def _list(item: str) -> str:
    """Items between commas, one at least."""
    return rf"{item}(?: ?, ?{item})*"


def _maybe(items: str) -> str:
    """What may be empty."""
    return rf"(?:{items})?"


_TOKENS = _list(_TOKEN)
_DIGEST = r"Digest {0}(?:, ?{0})*"

_FIELDS = {
    "Accept": _maybe(_list(rf"(?:\*/\*|{_TOKEN}/\*|{_MEDIA}){_PARAMS}")),
    "Accept-Contact": _list(rf"\*{_PARAMS}"),
    "Accept-Encoding": _maybe(_list(rf"{_TOKEN}{_PARAMS}")),
    "Accept-Language": _maybe(_list(rf"[A-Za-z0-9*\-]+{_PARAMS}")),
    "Alert-Info": _list(_INFO),
    "Allow": _maybe(_TOKENS),
    "Allow-Events": _TOKENS,  # RFC 6665 section 8.4
    "Answer-Mode": rf"{_TOKEN}{_PARAMS}",  # RFC 5373 section 3
    "Authorization": _DIGEST.format(_CREDENTIAL),
    "CSeq": rf"\d{{1,10}} {_TOKEN}",
    "Call-ID": _CALL_ID,
    "Call-Info": _list(_INFO),
    "Contact": rf"(?:\*|{_list(_TAGGED)})",
    "Content-Disposition": rf"{_TOKEN}{_PARAMS}",
    "Content-Encoding": _TOKENS,
    "Content-Language": _list(r"[A-Za-z0-9\-]+"),
    "Content-Length": r"\d+",
    "Content-Type": _MEDIA,
    "Date": _DATE,
    "Diversion": _list(_BRACKETED),  # RFC 5806 section 4
    "Error-Info": _list(_INFO),
    "Event": rf"{_TOKEN}{_PARAMS}",  # RFC 6665 section 8.4
    "Expires": _SECONDS,
    "From": _TAGGED,
    "Geolocation": _list(_INFO),  # RFC 6442 section 4.1
    "History-Info": _list(_BRACKETED),  # RFC 7044 section 5
    "In-Reply-To": _list(_CALL_ID),
    "Info-Package": rf"{_TOKEN}{_PARAMS}",  # RFC 6086 section 7
    "MIME-Version": r"\d+\.\d+",
    "Max-Breadth": r"\d+",  # RFC 5393 section 5.3
    "Max-Forwards": r"\d{1,3}",
    "Min-Expires": _SECONDS,
    "Min-SE": rf"{_SECONDS}{_PARAMS}",  # RFC 4028 section 5
    "P-Asserted-Identity": _list(rf"(?:{_NAME_ADDR}|{_BARE})"),  # RFC 3325 section 9.1
    "P-Early-Media": _maybe(_TOKENS),  # RFC 5009 section 8
    "Path": _list(_BRACKETED),  # RFC 3327 section 4
    "Priority": _TOKEN,
    "Priv-Answer-Mode": rf"{_TOKEN}{_PARAMS}",
    "Privacy": rf"{_TOKEN}(?:; ?{_TOKEN})*",  # RFC 3323 section 4.2
    "Proxy-Authenticate": _DIGEST.format(_CHALLENGE),
    "Proxy-Authorization": _DIGEST.format(_CREDENTIAL),
    "RAck": rf"\d{{1,10}} \d{{1,10}} {_TOKEN}",  # RFC 3262 section 7.2
    "RSeq": r"\d{1,10}",
    "Reason": _list(rf"{_TOKEN}{_PARAMS}"),  # RFC 3326 section 2
    "Record-Route": _list(_BRACKETED),
    "Refer-To": _TAGGED,  # RFC 3515 section 2.1
    "Referred-By": _TAGGED,  # RFC 3892 section 3
    "Reject-Contact": _list(rf"\*{_PARAMS}"),
    "Remote-Party-ID": _list(_BRACKETED),
    "Replaces": rf"{_CALL_ID}{_PARAMS}",  # RFC 3891 section 6.1
    "Request-Disposition": _TOKENS,
    "Require": _TOKENS,
    "Resource-Priority": _TOKENS,
    "Retry-After": rf"{_SECONDS}(?: ?{_COMMENT})?{_PARAMS}",
    "Route": _list(_BRACKETED),
    "Server": rf"(?:{_PRODUCT}|{_COMMENT})(?: (?:{_PRODUCT}|{_COMMENT}))*",
    "Service-Route": _list(_BRACKETED),  # RFC 3608 section 5
    "Session-Expires": rf"{_SECONDS}{_PARAMS}",  # RFC 4028 section 4
    "Subscription-State": rf"{_TOKEN}{_PARAMS}",  # RFC 6665 section 8.4
    "Supported": _maybe(_TOKENS),
    "Target-Dialog": rf"{_CALL_ID}{_PARAMS}",  # RFC 4538 section 7
    "Timestamp": r"\d+(?:\.\d*)?(?: \d*(?:\.\d*)?)?",
    "To": _TAGGED,
    "Unsupported": _TOKENS,
    "User-Agent": rf"(?:{_PRODUCT}|{_COMMENT})(?: (?:{_PRODUCT}|{_COMMENT}))*",
    "User-to-User": rf"(?:{_TOKEN}|{_QUOTED}){_PARAMS}",  # RFC 7433 section 4.1
    "Via": _list(_VIA),
    "WWW-Authenticate": _DIGEST.format(_CHALLENGE),
    "Warning": _list(rf"\d{{3}} (?:{_HOST}(?::\d{{1,5}})?|{_TOKEN}) {_QUOTED}"),
}
KNOWN = frozenset(_FIELDS)
"""The fields whose grammar is known here."""

_RULES = {name: re.compile(rule) for name, rule in _FIELDS.items()}
_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_REQUEST_URI = re.compile(_URI)


@lru_cache(maxsize=4096)
def is_right(name: str, value: str) -> bool:
    """
    Is C{value} what a header field of that name may hold?

    @param name: as its RFC spells it; of a field that is not known here
        nothing is asked but that it is text.
    """
    return _RULES.get(name, _TEXT).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def is_request_uri(text: str) -> bool:
    """Can C{text} stand in a request line (section 7.1)?"""
    return _REQUEST_URI.fullmatch(text) is not None
