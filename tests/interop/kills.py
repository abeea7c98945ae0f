"""
kill -9 at random moments while hundreds of calls are up; then each of them is gone on with.

A fifth of them is ended by the caller, a fifth by the callee, a fifth is held and then ended, the
callees of a fifth transfer their callers, and the callers of the last fifth, who have called one phone,
are joined by it two by two, which is an attended transfer::

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

from tests.interop.load import BENCH, HOST, Killable, callee, caller, ended, registered
from tests.interop.transferor import Transferor

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
JOINER = "205"
"""Who joins its callers."""
PAUSE = '  <pause milliseconds="{}"/>\n'


BYE_OF_CALLER = UAC[UAC.rindex('  <send retrans="500">') : UAC.index("  <ResponseTime")]
BYE_OF_CALLEE = '  <recv request="BYE"/>\n' + OK
AGAIN = (
    '  <recv request="INVITE"/>\n'
    + ANSWER.replace("20002 20002", "20002 20003").replace("[last_To:];tag=[pid]t[call_number]", "[last_To:]")
    + '  <recv request="ACK"/>\n'
)
"""A re-INVITE, and how it is answered."""
TRANSFERRED = UAC.replace("  <pause/>\n", AGAIN.replace("20002 20003", "20000 20001") + PAUSE.format(1000))
"""A caller who is transferred, and hangs up then."""
JOINED = TRANSFERRED.replace(PAUSE.format(1000) + BYE_OF_CALLER, BYE_OF_CALLEE).replace("alice@", "carol@")
"""Whom such a caller is joined with."""


def within(method: str, number: int, code: int = 200, more: str = "") -> str:
    """A request of the callee within its dialog, and its answer."""
    return WITHIN.format(method=method, number=number, code=code, more=more)


def scenarios(up: int) -> dict[str, tuple[str, str]]:
    """
    What caller and callee do.

    @param up: milliseconds that the calls stay up.
    """
    ack = UAC[UAC.index("  <send>\n") : UAC.index("  <pause/>")]
    invite = UAC[UAC.index('  <send retrans="500">') : UAC.index('  <recv response="100"')]
    after = UAS.index('  <recv request="ACK"/>')
    head, end = UAS[:after], "</scenario>\n"
    hold = (
        invite.replace("INVITE sip:[service]@[remote_ip]:[remote_port]", "INVITE [next_url]")
        .replace("To: <sip:[service]@[remote_ip]>", "To: <sip:[service]@[remote_ip]>[peer_tag_param]")
        .replace("CSeq: 1", "CSeq: 2")
        .replace("20000 20000", "20000 20001")
        .replace("a=sendrecv", "a=sendonly")
        + '  <recv response="100" optional="true"/>\n  <recv response="200"/>\n'
        + ack.replace("CSeq: 1", "CSeq: 2")
        + PAUSE.format(500)
        + BYE_OF_CALLER.replace("CSeq: 2", "CSeq: 3")
    )
    called = UAC.replace(BYE_OF_CALLER, BYE_OF_CALLEE).replace("  <pause/>\n", "")
    refer = within("REFER", 1, 202, f"Refer-To: <sip:{TARGET}@{HOST}>\n")
    return {
        "caller hangs up": (UAC, UAS),
        "callee hangs up": (called, head + NAMES + PAUSE.format(up) + within("BYE", 1) + end),
        "hold": (
            UAC.replace(BYE_OF_CALLER, hold),
            head
            + '  <recv request="ACK"/>\n'
            + AGAIN.replace("a=sendrecv", "a=recvonly")
            + BYE_OF_CALLEE
            + end,
        ),
        "blind transfer": (
            TRANSFERRED,
            head + NAMES + PAUSE.format(up) + refer + PAUSE.format(4000) + within("BYE", 2) + end,
        ),
        "target": ("", head + '  <recv request="ACK"/>\n' + AGAIN + BYE_OF_CALLEE + end),
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
    each = calls // (len(kinds) + 1)
    rate = RATE // (len(kinds) + 1)
    more = "".join(
        f'[extensions.{number}]\npassword = "secret-of-{number}-here"\n' for number in range(201, 206)
    )
    service = Killable(directory, more, database)
    began = time.monotonic()
    pairs = []
    for number, (kind, (uac, uas)) in enumerate(kinds.items(), 200):
        there = directory / str(number)
        there.mkdir()
        called, _ = callee(there, service.port, uas, str(number), "-aa")
        arguments = ("-r", str(rate), "-m", str(each), "-d", str(round(up)), "-l", str(each))
        pairs.append((kind, caller(there, service.port, uac, str(number), "-aa", *arguments), called))
    (directory / TARGET).mkdir()
    third, _ = callee(directory / TARGET, service.port, target, TARGET, "-aa")
    joiner = Transferor(service.port, registered(service.port, JOINER), "alice")
    joiner.start()
    joined = []
    for name, text in (("alice", TRANSFERRED), ("carol", JOINED)):
        there = directory / name
        there.mkdir()
        arguments = ("-r", str(rate // 2), "-m", str(each // 2), "-l", str(each))
        joined.append(caller(there, service.port, text, JOINER, "-aa", *arguments))
    sipps = [*[sipp for _, *both in pairs for sipp in both], *joined, third]
    count = each * len(kinds) + 2 * (each // 2)
    with ended(*sipps, joiner, service):
        service.kept(count)
        end = began + up / 1000 - UP[1] - LEAVES
        while done < kills and (not done or time.monotonic() < end):
            time.sleep(random.uniform(*UP))
            starting += not service.serves()
            service.kill()
            service.begin()
            done += 1
        service.wait_until_it_serves()
        time.sleep(max(0.0, began + up / 1000 - time.monotonic()))
        joiner.join_them()
        until = time.monotonic() + 120
        callers = [*[uac for _, uac, _ in pairs], *joined]
        while time.monotonic() < until and any(one.process.poll() is None for one in callers):
            time.sleep(0.5)
        left, records = service.settled()
        failed = {kind: each - uac.count("SuccessfulCall(C)") for kind, uac, _ in pairs}
        good = min(joiner.joined, *[one.count("SuccessfulCall(C)") for one in joined])
        failed["attended transfer"] = 2 * (each // 2 - good)
        said = "".join(sipp.said() for sipp in sipps)
        return Outcome(count, done, starting, failed, said, left, records)


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
