"""The names of header fields (IANA registry), their compact forms, and the reason phrases."""

from __future__ import annotations

# RFC 3261 section 7.3.3 and the registry's column "compact".
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_NAMES = """
    Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority
    Additional-Identity Alert-Info Allow Allow-Events Answer-Mode Authentication-Info
    Authorization Call-ID Call-Info Cellular-Network-Info Contact Content-Disposition
    Content-Encoding Content-ID Content-Language Content-Length Content-Type CSeq Date
    Diversion DC-Info Encryption Error-Info Event Expires Feature-Caps Flow-Timer From
    Geolocation Geolocation-Error Geolocation-Routing Hide History-Info Identity
    Identity-Info Info-Package In-Reply-To Join Max-Breadth Max-Forwards MIME-Version
    Min-Expires Min-SE Organization Origination-Id P-Access-Network-Info P-Answer-State
    P-Asserted-Identity P-Asserted-Service P-Associated-URI P-Called-Party-ID
    P-Charge-Info P-Charging-Function-Addresses P-Charging-Vector
    P-DCS-Billing-Info P-DCS-LAES P-DCS-OSPS P-DCS-Redirect P-DCS-Trace-Party-ID
    P-Early-Media P-Media-Authorization P-Preferred-Identity P-Preferred-Service
    P-Private-Network-Indication P-Profile-Key P-Refused-URI-List P-Served-User
    P-User-Database P-Visited-Network-ID Path Permission-Missing Policy-Contact
    Policy-ID Priority Priority-Share Priority-Verstat Priv-Answer-Mode Privacy
    Proxy-Authenticate Proxy-Authentication-Info Proxy-Authorization Proxy-Require
    RAck Reason Reason-Phrase Record-Route Recv-Info Refer-Events-At Refer-Sub
    Refer-To Referred-By Reject-Contact Relayed-Charge Remote-Party-ID Replaces Reply-To
    Request-Disposition Require Resource-Priority Resource-Share Response-Key
    Response-Source Restoration-Info Retry-After Route RSeq Security-Client
    Security-Server Security-Verify Server Service-Interact-Info Service-Route
    Session-Expires Session-ID SIP-ETag SIP-If-Match Subject Subscription-State
    Supported Suppress-If-Match Target-Dialog Timestamp To Trigger-Consent
    Unsupported User-Agent User-to-User Via Warning WWW-Authenticate
"""
KNOWN = frozenset(_NAMES.split())
"""Names as the RFCs spell them."""

# Each known spelling by which a name may come; any other goes through L{canonical}.
_SPELLINGS = (
    {name.lower(): name for name in KNOWN}
    | {name: name for name in KNOWN}
    | COMPACT
    | {short.upper(): name for short, name in COMPACT.items()}
)

_SINGLE = """
    Call-ID Content-Disposition Content-Length Content-Type CSeq Event From Join
    Max-Forwards MIME-Version RAck Refer-To RSeq SIP-ETag SIP-If-Match
    Subscription-State To
"""
SINGLE = frozenset(_SINGLE.split())
"""
Fields of which a message can hold no more than one (RFC 3261 section 7.3.1).

Two of any other that is no list, such as Expires, are malformed as well, but
it can be done without: the first is taken (section 8.2.2).
"""

_NEVER = """
    Allow Authorization Call-ID Contact Content-Length CSeq From Max-Breadth Max-Forwards Min-SE
    P-Preferred-Identity Path Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Record-Route Replaces
    Require Route RSeq Session-Expires Supported To Unsupported Via WWW-Authenticate
"""
NEVER = frozenset(_NEVER.split())
"""What no policy can let pass: it belongs to one dialog, one hop or one account."""


def canonical(name: str) -> str:
    """
    Find the name a header field is looked up by.

    A known name is spelled as in its RFC, whatever its case or if it is
    compact; any other is in lower case.
    """
    return _SPELLINGS.get(name) or _SPELLINGS.get(lower := name.lower()) or lower


REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    424: "Bad Location Information",
    425: "Bad Alert Message",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    436: "Bad Identity Info",
    437: "Unsupported Credential",
    438: "Invalid Identity Header",
    439: "First Hop Lacks Outbound Support",
    440: "Max-Breadth Exceeded",
    469: "Bad Info Package",
    470: "Consent Needed",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    555: "Push Notification Service Not Supported",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
"""The reason phrases of the RFCs."""
