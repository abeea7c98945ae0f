"""A call as one page of HTML that needs nothing else: the picture, and every message to unfold."""

from __future__ import annotations

from b2bua.calls.records.record import state
from b2bua.explain.svg import svg, text_of
from b2bua.explain.traced import Message, TracedCall

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color-scheme: light dark }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .5rem .75rem; border-left: 3px solid #8886 }
summary { cursor: pointer; font-variant-numeric: tabular-nums } .picture { overflow-x: auto }
"""


def page(call: TracedCall) -> str:
    """Write the page."""
    record = call.record
    title = text_of(f"{record.caller} calls {record.dialled}")
    start = call.messages[0].at if call.messages else 0.0
    unfold = "\n".join(_message(message, start) for message in call.messages)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
<h1>{title}</h1>
<p>Call {text_of(record.id)}: {text_of(state(record))}</p>
{_missing(call)}
<div class="picture">{svg(call)}</div>
<h2>Messages</h2>
{unfold}
</html>
"""


def _missing(call: TracedCall) -> str:
    """Say what is not kept any more."""
    if not call.missing:
        return ""
    return f"<p>The beginning of {text_of(', '.join(call.missing))} is not kept any more.</p>"


def _message(message: Message, start: float) -> str:
    """Write one message, folded."""
    way = "to" if message.outgoing else "from"
    place = f"{message.transport} {message.remote[0]}:{message.remote[1]}"
    head = text_of(f"{message.at - start:.3f} {way} {place}: {message.title}")
    return f"<details><summary>{head}</summary><pre>{text_of(message.text)}</pre></details>"
