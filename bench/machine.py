"""What it was measured on: a line beneath each table."""

from __future__ import annotations

import os
import platform
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path


def interpreter() -> str:
    """Name the interpreter, and whether it was built to be fast."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    built = [flag for flag in ("--enable-optimizations", "--with-lto") if flag in flags]
    # Distributions have their own way to optimise, of which nothing stands there.
    how = "built by the distribution" if "'--prefix=/usr'" in flags else "built without optimisation"
    return f"{platform.python_version()} ({' '.join(built) or how})"


def machine() -> dict[str, str]:
    """Say what it ran on."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = f"{os.getloadavg()[0]:.1f} before"
    return {
        "processor": f"{model}, {os.cpu_count()} cores (load {load})",
        "system": f"Linux {platform.release()}",
        "python": interpreter(),
        "date": time.strftime("%Y-%m-%d"),
    }


def line(on: Mapping[str, str]) -> str:
    """Say it in a line."""
    return ", ".join(f"{what}: {value}" for what, value in on.items())


def ticks() -> tuple[int, int]:
    """Of all the time of the cores so far, in ticks: what the host gave to others (steal), and the whole."""
    counted = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return counted[7], sum(counted)
