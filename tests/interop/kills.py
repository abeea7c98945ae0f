"""
kill -9 at random moments while hundreds of calls are up; then each of them is gone on with.

A quarter of them is ended by the caller, a quarter by the callee, a quarter is held
and then ended, and the callees of the last quarter transfer their callers::

    python -m tests.interop.kills                         # 500 calls, ten kills; "make kills KILLS=100"
    python -m tests.interop.kills --calls 40 --kills 2
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.interop.load import BENCH, HOST, Killable, callee, caller, ended

RATE = 50
"""Calls that begin in a second."""
KEPT = 4.0
"""Seconds after which calls are in the database, as a rule."""
UP = (0.2, 8.0)
"""
Seconds between a start and the next kill.

A start takes one or two, so that some processes die as they take up the calls; from 5 s
on they ask each party whether it is there.
"""
ROUND = 5.0
"""Seconds that calls stay up for each of them."""
LEAVES = 6.0
"""Seconds that the last start has before the first call is gone on with."""

UAC, UAS = (BENCH / "uac.xml").read_text(), (BENCH / "uas.xml").read_text()
OK = UAS[UAS.rindex("  <send>") : UAS.index("</scenario>")]
"""How the callee answers a BYE."""
ANSWER = UAS[UAS.index('  <send retrans="500">') : UAS.index('  <recv request="ACK"/>')]
"""How it answers an INVITE."""
NAMES = """\
  <recv request="ACK">
    <action>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="1"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="2"/>
    </action>
  </recv>
"""
WITHIN = """\
  <send retrans="500">
    <![CDATA[
{method} [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
[routes]
From:[$1]
To:[$2]
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:bob@[local_ip]:[local_port]>
Max-Forwards: 70
{more}Content-Length: 0

    ]]>
  </send>
  <recv response="100" optional="true"/>
  <recv response="{code}"/>
"""
TARGET = "204"
"""Whom callers are transferred to."""
PAUSE = '  <pause milliseconds="{}"/>\n'


def within(method: str, number: int, code: int = 200, more: str = "") -> str:
    """A request of the callee within its dialog, and its answer."""
    return WITHIN.format(method=method, number=number, code=code, more=more)


def scenarios(up: int) -> dict[str, tuple[str, str]]:
    """
    What caller and callee do.

    @param up: milliseconds that the calls stay up.
    """
    bye_of_caller = UAC[UAC.rindex('  <send retrans="500">') : UAC.index("  <ResponseTime")]
    again = (
        '  <recv request="INVITE"/>\n'
        + ANSWER.replace("20002 20002", "20002 20003").replace(
            "[last_To:];tag=[pid]t[call_number]", "[last_To:]"
        )
        + '  <recv request="ACK"/>\n'
    )
    ack = UAC[UAC.index("  <send>\n") : UAC.index("  <pause/>")]
    invite = UAC[UAC.index('  <send retrans="500">') : UAC.index('  <recv response="100"')]
    after = UAS.index('  <recv request="ACK"/>')
    head, end = UAS[:after], "</scenario>\n"
    bye = '  <recv request="BYE"/>\n' + OK
    hold = (
        invite.replace("INVITE sip:[service]@[remote_ip]:[remote_port]", "INVITE [next_url]")
        .replace("To: <sip:[service]@[remote_ip]>", "To: <sip:[service]@[remote_ip]>[peer_tag_param]")
        .replace("CSeq: 1", "CSeq: 2")
        .replace("20000 20000", "20000 20001")
        .replace("a=sendrecv", "a=sendonly")
        + '  <recv response="100" optional="true"/>\n  <recv response="200"/>\n'
        + ack.replace("CSeq: 1", "CSeq: 2")
        + PAUSE.format(500)
        + bye_of_caller.replace("CSeq: 2", "CSeq: 3")
    )
    called = UAC.replace(bye_of_caller, bye).replace("  <pause/>\n", "")
    transferred = UAC.replace(
        "  <pause/>\n", again.replace("20002 20003", "20000 20001") + PAUSE.format(1000)
    )
    refer = within("REFER", 1, 202, f"Refer-To: <sip:{TARGET}@{HOST}>\n")
    return {
        "caller hangs up": (UAC, UAS),
        "callee hangs up": (called, head + NAMES + PAUSE.format(up) + within("BYE", 1) + end),
        "hold": (
            UAC.replace(bye_of_caller, hold),
            head + '  <recv request="ACK"/>\n' + again.replace("a=sendrecv", "a=recvonly") + bye + end,
        ),
        "blind transfer": (
            transferred,
            head + NAMES + PAUSE.format(up) + refer + PAUSE.format(4000) + within("BYE", 2) + end,
        ),
        "target": ("", head + '  <recv request="ACK"/>\n' + again + bye + end),
    }


class Outcome(NamedTuple):
    """What came of it."""

    calls: int
    kills: int
    """Fewer than were wanted where the machine is too slow for so many while all calls are up."""
    starting: int
    """How many of them came before the process served."""
    failed: dict[str, int]
    """How many failed, of each kind."""
    said: str
    """What SIPp says of them."""
    open: int
    """Calls that the service believes to go on, when all are over."""
    records: int
    """Records that are not over then."""

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.calls} calls, {self.kills} kills, {self.starting} of them at a start; "
            f"failed: {self.failed}; "
            f"{self.open} calls and {self.records} records open at the end"
        )


def play(directory: Path, calls: int, kills: int, seed: int = 0, database: str = "") -> Outcome:
    """
    Kill the service so many times while so many calls are up.

    @param database: a line of the table C{[server]} that names another database.
    """
    random = Random(seed)
    done = starting = 0
    up = 1000 * (calls / RATE + KEPT + ROUND * kills + UP[1] + LEAVES)
    kinds = scenarios(round(up))
    target = kinds.pop("target")[1]
    each = calls // len(kinds)
    more = "".join(
        f'[extensions.{number}]\npassword = "secret-of-{number}-here"\n' for number in range(201, 205)
    )
    service = Killable(directory, more, database)
    began = time.monotonic()
    pairs = []
    for number, (kind, (uac, uas)) in enumerate(kinds.items(), 200):
        there = directory / str(number)
        there.mkdir()
        called, _ = callee(there, service.port, uas, str(number), "-aa")
        arguments = ("-r", str(RATE // len(kinds)), "-m", str(each), "-d", str(round(up)), "-l", str(each))
        pairs.append((kind, caller(there, service.port, uac, str(number), "-aa", *arguments), called))
    (directory / TARGET).mkdir()
    third, _ = callee(directory / TARGET, service.port, target, TARGET, "-aa")
    with ended(*[sipp for _, *both in pairs for sipp in both], third, service):
        service.kept(each * len(kinds))
        end = began + up / 1000 - UP[1] - LEAVES
        while done < kills and (not done or time.monotonic() < end):
            time.sleep(random.uniform(*UP))
            starting += not service.serves()
            service.kill()
            service.begin()
            done += 1
        service.wait_until_it_serves()
        until = time.monotonic() + up / 1000 + 60
        while time.monotonic() < until and any(uac.process.poll() is None for _, uac, _ in pairs):
            time.sleep(0.5)
        left, records = service.settled()
        failed = {kind: each - uac.count("SuccessfulCall(C)") for kind, uac, _ in pairs}
        said = "".join(sipp.said() for sipp in (*[one for _, *both in pairs for one in both], third))
        return Outcome(each * len(kinds), done, starting, failed, said, left, records)


def main() -> int:
    """Kill from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.kills")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = play(Path(directory), wanted.calls, wanted.kills, wanted.seed)
    print(found)  # noqa: T201
    if found.said:
        print(found.said[:4000])  # noqa: T201
    return bool(any(found.failed.values()) or found.open or found.records or found.kills < wanted.kills)


if __name__ == "__main__":
    sys.exit(main())
