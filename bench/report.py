"""Figures as a table and as a plot, kept in C{bench/}."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.machine import line

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures"
BEGIN, END = "<!-- {name}: written by the bench -->", "<!-- end of {name} -->"


def spread(ratios: Sequence[float]) -> str:
    """Give the median of ratios with the least and the greatest of them; one alone has no spread."""
    found = f"{statistics.median(ratios):.1f}"
    return found if len(ratios) == 1 else f"{found} ({min(ratios):.1f} to {max(ratios):.1f})"


def pairs(one: dict[str, Any], other: dict[str, Any], what: str) -> str:
    """Compare two servers turn by turn; empty where one was not measured."""
    ours, theirs = one.get(f"{what}_runs") or (), other.get(f"{what}_runs") or ()
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=False) if mine and its]
    return spread(ratios) if ratios else ""


def table(found: dict[str, Any]) -> str:
    """What L{bench.load} found, as a table of Markdown."""
    servers = found["servers"]
    floor, sippy = servers.get("floor", {}), servers.get("sippy", {})
    held = sorted({int(key[7:]) for one in servers.values() for key in one if key.startswith("memory_")})
    rate = found["scale"]["rate"]
    heads = [
        "server", f"CPU µs a call at {rate}/s", "× floor", "highest clean calls/s", "× Sippy",
        "with 5 s hold", *[f"bytes a call, {count:,} up" for count in held],
    ]  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for name, one in servers.items():
        cells = [
            name,
            _cost(one, rate),
            pairs(one, floor, "cost"),
            _number(one.get("rate")),
            pairs(one, sippy, "rate"),
            _number(one.get("rate_held")),
            *[_number(one.get(f"memory_{count}")) for count in held],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines += [f"- {name}: {one['note']}" for name, one in servers.items()]
    ours = servers.get("b2bua", {})
    if "passing" in ours:
        median, last = ours["passing"]
        at = f"INVITE in to INVITE out at {ours['passing_at']:.0f} calls/s"
        lines += ["", f"{at}: median {median:.2f} ms, 99th percentile {last:.2f} ms."]
    lines += ["", line(found["machine"])]
    return "\n".join(lines)


def keep(name: str, found: dict[str, Any]) -> None:
    """Keep the figures, and write them into the README."""
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    write(name, f"{table(found)}\n\n![costs and rates](load.png)")
    plot(found)


def write(name: str, text: str) -> None:
    """Put a text between its marks in the README."""
    file = HERE / "README.md"
    readme = file.read_text()
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, _, rest = readme.partition(begin)
    _, _, after = rest.partition(end)
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def plot(found: dict[str, Any]) -> None:
    """Draw the costs and the rates."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    servers = found["servers"]
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6))
    held = sorted({key for one in servers.values() for key in one if key.startswith("memory_")})
    for axis, key, title in (
        (axes[0], "cost", f"CPU µs a call at {found['scale']['rate']}/s"),
        (axes[1], "rate", "highest clean calls/s"),
        (axes[2], held[-1] if held else "", "bytes an established call"),
    ):
        names = [name for name, one in servers.items() if one.get(key)]
        values = [servers[name][key] for name in names]
        bars = axis.bar(names, values, color=["#3b6ea5" if name == "b2bua" else "#b8c4d0" for name in names])
        axis.bar_label(bars, [f"{value:,.0f}" for value in values], fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(HERE / "load.png", dpi=110)
    pyplot.close(figure)


def _cost(one: dict[str, Any], rate: int) -> str:
    """CPU time a call, with the rate if it was another one than that of all."""
    at = one.get("cost_at", rate)
    return _number(one.get("cost")) + (f" (at {at:,}/s)" if at != rate else "")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
