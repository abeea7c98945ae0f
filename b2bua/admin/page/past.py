"""The records of calls: looked up by party and time, page by page, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import Part, Reader, duration, files_of, section, table
from b2bua.admin.page.now import caller, ended, opened, parties
from b2bua.admin.refused import Mistaken
from b2bua.admin.values import CallRow, HourRow
from b2bua.calls.records.record import STATES

PAGE = 50
"""Rows of a page."""
CSV_MOST = 10_000
"""Rows of a file."""
CHART_MOST = 2_000
"""Calls that are counted for the chart."""
COLUMNS = (
    "id", "started", "answered", "ended", "caller", "number", "name", "dialled", "answered_by",
    "ring_seconds", "talk_seconds", "state", "status", "hung_up_by", "features",
)  # fmt: skip
"""Of the CSV, in this order."""
NUMBER = re.compile(r"[-+]?[\d.*#]*")
TALL = 120
"""Units of the tallest column of a chart."""
DISPOSITIONS = {
    "answered": "ANSWERED",
    "answered by the server": "ANSWERED",
    "talking": "ANSWERED",
    "busy": "BUSY",
    "no answer": "NO ANSWER",
    "gave up while ringing": "NO ANSWER",
    "gave up": "NO ANSWER",
}
"""How Asterisk says how a call ended; any other end is C{FAILED}."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def past(reader: Reader) -> Iterable[Part]:
    """The view; what is looked for stands in its address."""
    say, query = reader.say, reader.query
    found = await _found(reader, PAGE)
    every_page = {name: value for name, value in query.items() if name != "before"}
    hours = await reader.administration.calls.hours(*_looked_for(every_page), CHART_MOST)
    cut = sum(row.answered + row.others for row in hours) >= CHART_MOST
    fields = [
        tags.label(say("Party"), tags.input(name="party", value=query.get("party", ""))),
        tags.label(say("Since"), tags.input(name="since", type="date", value=query.get("since", ""))),
        tags.label(say("Until"), tags.input(name="until", type="date", value=query.get("until", ""))),
        tags.label(say("State"), _states(reader)),
    ]
    form = tags.form(
        *fields, tags.button(say("Search"), class_="first"), class_="search", method="get", action="/past"
    )
    links: list[Part] = [
        tags.a(say(text), href=f"/{name}?{urlencode(every_page)}", class_="button")
        for text, name in (("As CSV", "past.csv"), ("As Asterisk's CSV", "Master.csv"))
    ]
    if len(found) == PAGE:
        older = {**query, "before": repr(found[-1].started)}
        links.append(tags.a(say("Older"), href=f"/past?{urlencode(older)}", rel="next", class_="button"))
    below = [tags.p(*links, class_="actions")]
    if cut:  # there are more than are counted, and perhaps more than a file has
        below.append(tags.p(f"{say('A file has at most the latest')} {CSV_MOST}.", class_="hint"))
    whole = [tags.section(form), tags.section(records(reader, found), *below)]
    if found:
        title = f"{say('Calls by hour')} ({say('the latest')} {CHART_MOST})" if cut else say("Calls by hour")
        whole.insert(1, section(title, chart(reader, hours)))
    return whole


def chart(reader: Reader, hours: Sequence[HourRow]) -> Tag:
    """How many calls began in each hour of the day: those that were answered, and above them the others."""
    say = reader.say
    most = max(1, *[row.answered + row.others for row in hours])
    words = ", ".join(
        f"{row.hour}: {row.answered} + {row.others}" for row in hours if row.answered + row.others
    )
    text = f"{say('Calls by hour')}: {words}"
    drawn = Tag("svg", children=[Tag("title", children=[text])])
    drawn.attributes.update(
        {"viewBox": f"0 0 960 {TALL + 20}", "role": "img", "aria-label": text, "class": "chart"}
    )
    for row in hours:
        left = row.hour * 40 + 4
        yes, no = TALL * row.answered / most, TALL * row.others / most
        drawn(_bar(left, TALL - yes, yes, "yes"), _bar(left, TALL - yes - no, no, "no"))
        place = {"x": str(left + 16), "y": str(TALL + 15), "text-anchor": "middle"}
        name = Tag("text", children=[str(row.hour)])
        name.attributes.update(place)
        drawn(name)
    key = tags.p(
        tags.span(tags.b(class_="yes"), say("answered")),
        tags.span(tags.b(class_="no"), say("not answered")),
        class_="key",
    )
    return tags.div(drawn, key)


def _bar(left: float, top: float, tall: float, kind: str) -> Tag:
    """A piece of a column."""
    values = {"x": left, "y": round(top, 1), "width": 32, "height": round(tall, 1)}
    bar = Tag("rect")
    bar.attributes.update({"class": kind, **{name: str(value) for name, value in values.items()}})
    return bar


def _states(reader: Reader) -> Tag:
    """How calls ended: any way, or one."""
    chosen = reader.query.get("state", "")
    options = [tags.option("", value="")]
    for word in STATES:
        more = {"selected": "selected"} if word == chosen else {}
        options.append(tags.option(reader.say(word), value=word, **more))
    return tags.select(*options, name="state")


def records(reader: Reader, found: Sequence[CallRow]) -> Part:
    """Records as a table."""
    say = reader.say
    files = files_of(reader, [call.id for call in found])
    rows = [
        (
            opened(reader, call),
            caller(call),
            call.dialled,
            parties(call),
            duration(call.seconds),
            ended(reader, call),
            *([_files(reader, call, files)] if files else []),
        )
        for call in found
    ]
    heads = ("Began", "From", "Dialled", "With", "Talked", "State", *(["Files"] if files else []))
    return table([*map(say, heads)], rows, say("No call was found."))


def _files(reader: Reader, call: CallRow, files: Mapping[str, Sequence[str]]) -> Part:
    """The way to what plugins have of a call."""
    number = len(files.get(call.id, ()))
    where = f"/calls/{quote(call.id, safe='')}"
    return tags.a(f"{number} {reader.say('Files' if number > 1 else 'File')}", href=where) if number else ""


async def as_csv(reader: Reader) -> bytes:
    """The same as CSV (RFC 4180), all pages of it."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for call in await _found(reader, CSV_MOST):
        ringing = (call.answered or call.ended or call.started) - call.started
        row = (
            call.id, _iso(call.started), _iso(call.answered), _iso(call.ended), call.caller, call.number,
            call.name, call.dialled, call.answered_by, f"{ringing:.1f}", f"{call.seconds:.1f}", call.state,
            str(call.status), call.hung_up_by, " ".join(call.features),
        )  # fmt: skip
        writer.writerow(map(_cell, row))
    return out.getvalue().encode()


async def as_asterisk(reader: Reader) -> bytes:
    """The same with the columns of Asterisk's C{cdr_csv}, which has no head; times have no zone."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    for call in await _found(reader, CSV_MOST):
        end = call.ended or call.started
        name = call.name.replace('"', "'")
        row = (
            "", call.number, call.dialled, "b2bua", f'"{name}" <{call.number}>', _channel(call.caller),
            _channel(call.answered_by or (call.legs[1].party if call.legs[1:] else "")), "Dial", call.dialled,
            _local(call.started), _local(call.answered), _local(call.ended), round(end - call.started),
            round(call.seconds), DISPOSITIONS.get(call.state, "FAILED"), "DOCUMENTATION", call.id, "",
        )  # fmt: skip
        writer.writerow([_cell(one) if isinstance(one, str) else one for one in row])
    return out.getvalue().encode()


def _channel(party: str) -> str:
    """A party as a channel: C{SIP/101}."""
    return f"SIP/{party.partition(' ')[2]}" if party else ""


def _local(seconds: float | None) -> str:
    """A time as Asterisk writes it."""
    return "" if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _cell(text: str) -> str:
    """What a caller says of themselves is no formula of a spreadsheet; a number stays one."""
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text


def _iso(seconds: float | None) -> str:
    """A time with its zone."""
    return (
        "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    )


async def _found(reader: Reader, limit: int) -> list[CallRow]:
    """Look up what was asked for."""
    return await reader.administration.calls.past(*_looked_for(reader.query), limit)


def _looked_for(query: Mapping[str, str]) -> tuple[str | None, float | None, float | None, str | None]:
    """Party, since, before and state."""
    before = _day(query.get("until", ""), 1)
    if text := query.get("before"):
        try:
            before = float(text)
        except ValueError:
            raise Mistaken("before: is no time") from None
    return query.get("party") or None, _day(query.get("since", "")), before, query.get("state") or None


def _day(text: str, days: int = 0) -> float | None:
    """Read a date: the beginning of that day, or of one after it."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text[:10]).timestamp() + days * 86_400
    except (ValueError, OverflowError, OSError):
        raise Mistaken(f"{text[:20]!r} is no date; write it as 2026-12-24") from None
