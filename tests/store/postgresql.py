"""A PostgreSQL server for the tests: on a free port, in a directory of its own, gone at the end."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.interop.processes import free_port
from tests.interop.programs import need

SECONDS = 60
_numbers = count()


@lru_cache(maxsize=1)
def server() -> str:
    """
    Start the server, once, and give its URL.

    @raise SkipTest: if PostgreSQL is not installed and cannot be; with
        C{CI=true} that is an error.
    """
    initdb = Path(need("initdb")).resolve()
    directory = Path(tempfile.mkdtemp(prefix="b2bua-postgresql-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return _start(initdb, directory)


def database() -> str:
    """Make a database of its own, and give its URL."""
    url = server()
    name = f"test_{os.getpid()}_{next(_numbers)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.rpartition("/")[0] + f"/{name}"


def _start(initdb: Path, directory: Path) -> str:
    """Make a cluster and serve it."""
    who: dict[str, Any] = {}
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root.
        names = {entry.pw_name for entry in pwd.getpwall()}
        who = {"user": "postgres" if "postgres" in names else "nobody", "extra_groups": []}
        os.chown(directory, pwd.getpwnam(who["user"]).pw_uid, -1)
    data, port = directory / "data", free_port()
    quiet: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "cwd": directory,
        **who,
    }
    subprocess.run(
        [initdb, "-D", data, "-U", "b2bua", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, timeout=SECONDS, stderr=subprocess.DEVNULL, **quiet,
    )  # fmt: skip
    log = (directory / "log").open("wb")
    running = subprocess.Popen(
        [initdb.with_name("postgres"), "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", directory, "-F"],
        stderr=log, **quiet,
    )  # fmt: skip
    atexit.register(_stop, running)
    _wait(running, port, directory / "log")
    return f"postgresql+psycopg://b2bua@127.0.0.1:{port}/postgres"


def _stop(running: subprocess.Popen[bytes]) -> None:
    """End it."""
    running.terminate()
    try:
        running.wait(SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _wait(running: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until it answers."""
    ready = [Path(str(running.args[0])).with_name("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]  # type: ignore[index]  # a list
    for _ in range(SECONDS * 10):
        if running.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not answer")
