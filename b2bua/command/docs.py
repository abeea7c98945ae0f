"""Show the pages of the documentation, which come with the installation."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from b2bua.settings import Problem, SettingsError, meant

PACKAGE = "b2bua_docs"


def arguments(parser: ArgumentParser) -> None:
    """Take which."""
    parser.add_argument(
        "page", metavar="PAGE", nargs="?", help="its name, such as operation; without one, all names"
    )


def run(options: Namespace) -> int:
    """Show one, or what there is."""
    found = dict(pages())
    if options.page is None:
        width = max(map(len, found))
        print("\n".join(f"{name.ljust(width)}  {title(page)}" for name, page in found.items()))
        return 0
    name = options.page.removesuffix(".md")
    if name not in found:
        raise SettingsError("b2bua docs", [Problem(name, f"there is no such page{meant(name, found)}")])
    print(found[name].read_text())
    return 0


def pages() -> Iterator[tuple[str, Traversable]]:
    """All pages by name."""
    for page in sorted(files(PACKAGE).iterdir(), key=lambda page: page.name):
        if page.name.endswith(".md"):
            yield page.name.removesuffix(".md"), page


def title(page: Traversable) -> str:
    """What a page is about: its first line."""
    return page.read_text().partition("\n")[0].lstrip("# ")
