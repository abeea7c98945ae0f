"""
Every bench, one after the other: C{make bench}, or C{python -m bench NAME...}.

C{--quick} only looks whether they run; C{--write} keeps the figures.
"""

from __future__ import annotations

import sys
from importlib import import_module

BENCHES = {
    "load": "basic calls from SIPp, beside the floor, Sippy and Kamailio",
    "growth": "a call's cost with many calls, many phones, each plugin",
    "overload": "three times the highest rate, and what comes after it",
    "soak": "many calls through all features, and what is left of them",
}


def main() -> None:
    """Run those that are named, or all."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    flags = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        listed = "\n".join(f"  {name:<10}{what}" for name, what in BENCHES.items())
        raise SystemExit(f"no such bench: {', '.join(unknown)}; there are\n{listed}")
    for name in names or BENCHES:
        print(f"{name}: {BENCHES[name]}", flush=True)
        import_module(f"bench.{name}").main(flags)


if __name__ == "__main__":
    main()
