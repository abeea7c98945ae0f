"""
Write a configuration to begin with.

It has UDP and TCP on port 5060, a database file, and three extensions with
random passwords; what is printed is what a phone's account page asks for.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from b2bua.command._asking import aligned
from b2bua.settings import read
from b2bua.settings.values import host

EXTENSIONS = {"101": "Reception", "102": "Office", "103": "Workshop"}
# No two of them look alike on a phone's display or on paper.
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
LENGTH = 16

TEMPLATE = """\
# The configuration of b2bua.  "b2bua check {file}" says what is wrong with it,
# docs/configuration.md what else there is.

[server]
domain   = "{domain}"     # realm and domain of addresses
aliases  = [{aliases}]     # other names we answer to
listen   = ["sip:0.0.0.0:{port};transport=udp", "sip:0.0.0.0:{port};transport=tcp"]
{state}
"""
BESIDE = 'database = "sqlite:///b2bua.db"     # beside this file'
SYSTEM = """\
database = "sqlite:////var/lib/b2bua/b2bua.db"
control  = "/run/b2bua/b2bua.sock"     # by which the command b2bua reaches the service"""

EXTENSION = """
[extensions.{number}]
name = "{name}"
password = "{password}"
"""


def arguments(parser: ArgumentParser) -> None:
    """Take the file and what to write otherwise."""
    parser.add_argument("file", metavar="FILE", nargs="?", default="b2bua.toml", help="by default b2bua.toml")
    parser.add_argument("--domain", help="by default the address of this host")
    parser.add_argument("--port", type=int, default=5060, help="by default 5060")
    parser.add_argument(
        "--system",
        action="store_true",
        help="for a service of the system: state in /var/lib/b2bua and not beside the file",
    )


def run(options: Namespace) -> int:
    """Write the file and print the account page."""
    address = host_address()
    domain = options.domain or address
    passwords = {number: password() for number in EXTENSIONS}
    state = SYSTEM if options.system else BESIDE
    text = written(options.file, domain, options.port, passwords, state)
    try:
        # 0600, since there are passwords in it; never over a file that is there.
        with open(os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    except FileExistsError:
        print(f"{options.file}: is there already; nothing was changed", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.file}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(account_page(options.file, options.domain or address, options.port, passwords))
    return 0


def written(file: str, domain: str, port: int, passwords: dict[str, str], state: str = BESIDE) -> str:
    """
    The text of a configuration.

    @raise SettingsError: for a domain or port that cannot be.
    """
    listen = [f"sip:0.0.0.0:{port};transport=udp"]
    read({"server": {"domain": domain, "listen": listen}}, file="b2bua init")
    name = socket.gethostname()
    aliases = f'"{name}"' if _is_host(name) and name != domain else ""
    text = TEMPLATE.format(file=Path(file).name, domain=domain, aliases=aliases, port=port, state=state)
    for number, owner in EXTENSIONS.items():
        text += EXTENSION.format(number=number, name=owner, password=passwords[number])
    return text


def account_page(file: str, server: str, port: int, passwords: dict[str, str]) -> str:
    """What a person types into the account page of a phone."""
    head = ("Display name", "User name", "Password", "Server", "Port", "Transport")
    rows = [head]
    rows += [(EXTENSIONS[n], n, passwords[n], server, str(port), "UDP or TCP") for n in passwords]
    table = "\n".join(f"  {line}" for line in aligned(rows, rule=True))
    return (
        f"Wrote {file}. On the account page of each phone:\n\n{table}\n\n"
        "The user name is the register name (authentication name) as well.\n"
        "When two phones have registered, one calls the other by its number."
    )


def password() -> str:
    """A password that nobody guesses and anybody can type."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def host_address() -> str:
    """The address by which others most likely reach this host; nothing is sent."""
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 5060))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"


def _is_host(name: str) -> bool:
    try:
        host(name)
    except ValueError:
        return False
    return True
