"""The configuration: one TOML file, read into frozen typed values."""

from b2bua.settings.finding import find
from b2bua.settings.outward import EventKind, Hep, Webhook
from b2bua.settings.peers import Extension, Peer, Route, Rule, Trunk
from b2bua.settings.problems import Problem, SettingsError, meant
from b2bua.settings.reading import Claim, Claimed, Document, control_of, document, load, read
from b2bua.settings.rtpengine import Rtpengine
from b2bua.settings.table import Directory, Elsewhere, File, Named, Table
from b2bua.settings.tables import (
    Auth,
    Calls,
    Limits,
    Log,
    OwnTimers,
    Plugins,
    Registrar,
    Server,
    Settings,
    Subscriptions,
    Timers,
    Tls,
    Web,
)
from b2bua.settings.values import Listen, Seconds, Source, Target

__all__ = [
    "Auth",
    "Calls",
    "Claim",
    "Claimed",
    "Directory",
    "Document",
    "Elsewhere",
    "EventKind",
    "Extension",
    "File",
    "Hep",
    "Limits",
    "Listen",
    "Log",
    "Named",
    "OwnTimers",
    "Peer",
    "Plugins",
    "Problem",
    "Registrar",
    "Route",
    "Rtpengine",
    "Rule",
    "Seconds",
    "Server",
    "Settings",
    "SettingsError",
    "Source",
    "Subscriptions",
    "Table",
    "Target",
    "Timers",
    "Tls",
    "Trunk",
    "Web",
    "Webhook",
    "control_of",
    "document",
    "find",
    "load",
    "meant",
    "read",
]
