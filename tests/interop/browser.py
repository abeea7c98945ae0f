"""
Phones in a browser: JsSIP in Chromium, whose engine does the ICE, DTLS and RTP.

Chromium is driven by its DevTools protocol over two pipes.  One page has all
phones; what they do is in C{browser.js}.  JsSIP comes from npm, its modules
are put together here, since it is published without a bundle.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks, returnValue
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import FailTest, SkipTest

from tests.interop.processes import LIMIT, Ended, reactor
from tests.interop.programs import need

JSSIP = "jssip@3.13.8"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--remote-debugging-pipe", "--autoplay-policy=no-user-gesture-required"),
    # On one machine they meet on the loopback, by their addresses.
    *("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"),
)
TO_IT, FROM_IT = 3, 4
"""The file descriptors of the pipes."""
_REQUIRED = re.compile(r"""require\(['"]([^'"]+)['"]\)""")


@cache
def jssip() -> str:
    """
    The library as a script that defines C{JsSIP}.

    @raise SkipTest: if it cannot be had from npm, and this is not CI.
    """
    place = Path(sys.prefix, "jssip")
    if not place.exists():
        own = tempfile.mkdtemp(prefix="jssip-", dir=sys.prefix)
        command = [
            need("npm"),
            "install",
            "--prefix",
            own,
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        done = subprocess.run([*command, JSSIP], capture_output=True, timeout=400, check=False)
        if done.returncode:
            shutil.rmtree(own)
            line = f"{JSSIP} cannot be had: {done.stderr.decode(errors='replace').strip()[-300:]}"
            raise (FailTest if os.environ.get("CI") == "true" else SkipTest)(line)
        try:
            os.rename(own, place)
        except OSError:  # another process of tests was quicker
            shutil.rmtree(own)
    modules = place / "node_modules"
    entry = modules / "jssip" / "lib" / "JsSIP.js"
    parts = [
        f"{json.dumps(str(path))}: function (module, exports, require) {{{text}\n}}"
        for path, text in _modules(modules, entry)
    ]
    return _BUNDLE % (",\n".join(parts), json.dumps(str(entry)))


_BUNDLE = """
const JsSIP = (function () {
  const process = { env: {} }, modules = {%s}, loaded = {};
  function load(path) {
    if (!loaded[path]) {
      loaded[path] = { exports: {} };
      modules[path](loaded[path], loaded[path].exports, load);
    }
    return loaded[path].exports;
  }
  return load(%s);
})();
"""


def _modules(packages: Path, entry: Path) -> Iterator[tuple[Path, str]]:
    """Each module that the entry needs, with the modules that it requires named by their paths."""
    waiting, known = [entry], {entry}
    while waiting:
        path = waiting.pop()
        text = path.read_text()

        def named(match: re.Match[str], path: Path = path) -> str:
            other = _found(packages, path, match[1])
            if other not in known:
                known.add(other)
                waiting.append(other)
            return f"require({json.dumps(str(other))})"

        text = _REQUIRED.sub(named, text)
        yield path, f"module.exports = {text};" if path.suffix == ".json" else text


def _found(packages: Path, path: Path, name: str) -> Path:
    """The file that a module means by a name."""
    if name.startswith("."):
        place = (path.parent / name).resolve()
    else:
        about = json.loads((packages / name / "package.json").read_text())
        main = about.get("browser") or about.get("main") or "index.js"
        place = (packages / name / main).resolve()
    for file in (place, place.with_name(place.name + ".js"), place / "index.js"):
        if file.is_file():
            return file
    raise FailTest(f"{path} requires {name}, which is not in {JSSIP}")


class Browser(ProcessProtocol):
    """One Chromium with one page; C{ask} has the phones in it do something."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._profile = tempfile.mkdtemp(prefix="b2bua-browser-")
        self._page = ""
        self._rest = b""
        self._numbers = count(1)
        self._waiting: dict[int, Deferred[Any]] = {}
        self._said: list[str] = []
        self._over: Deferred[None] | None = None

    @inlineCallbacks
    def start(self) -> Any:
        """Start it, and load JsSIP and the phones."""
        program, script = need("chromium"), jssip()
        command = [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        pipes: Any = {1: "r", 2: "r", TO_IT: "w", FROM_IT: "r"}
        reactor.spawnProcess(self, program, command, env=os.environ, childFDs=pipes)
        self._over = Deferred()
        made = yield self._call("Target.createTarget", url="about:blank")
        attached = yield self._call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._page = attached["sessionId"]
        yield self._evaluate(script + Path(__file__).with_suffix(".js").read_text() + "; true")

    def ask(self, name: str, *arguments: str) -> Deferred[Any]:
        """Have a phone do something; fires with what comes of it."""
        return self._evaluate(f"phones.{name}({', '.join(map(json.dumps, arguments))})")

    @inlineCallbacks
    def _evaluate(self, script: str) -> Any:
        """Run a script in the page."""
        done = yield self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if (trouble := done.get("exceptionDetails")) is not None:
            raise Ended(f"{script[-200:]}: {trouble.get('exception', trouble).get('description', trouble)}")
        returnValue(done["result"].get("value"))

    def _call(self, method: str, **values: Any) -> Deferred[Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        deferred = self._waiting[number] = Deferred()
        message: dict[str, Any] = {"id": number, "method": method, "params": values}
        if self._page:
            message["sessionId"] = self._page
        assert self.transport is not None
        self.transport.writeToChild(TO_IT, json.dumps(message).encode() + b"\0")

        def late(failure: Failure) -> Failure:
            self._waiting.pop(number, None)
            failure.value = Ended(f"{method} is not answered: {failure.value}; {''.join(self._said)[-2000:]}")
            return failure

        return deferred.addTimeout(2 * LIMIT, reactor).addErrback(late)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Take answers; what else it says is for people."""
        if childFD != FROM_IT:
            self._said.append(data.decode(errors="replace"))
            return
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in map(json.loads, messages):
            deferred = self._waiting.pop(message.get("id", 0), None)
            if deferred is None:
                continue
            if "error" in message:
                deferred.errback(Ended(str(message["error"])))
            else:
                deferred.callback(message["result"])

    def processEnded(self, reason: Failure) -> None:
        """It is over."""
        shutil.rmtree(self._profile, ignore_errors=True)
        waiting, self._waiting = self._waiting, {}
        for deferred in waiting.values():
            deferred.errback(Ended("".join(self._said)[-2000:]))
        if self._over is not None:
            self._over.callback(None)

    def stop(self) -> Deferred[None] | None:
        """End it, whatever it does."""
        if self._over is not None and not self._over.called and self.transport is not None:
            self.transport.signalProcess("KILL")
        return self._over
