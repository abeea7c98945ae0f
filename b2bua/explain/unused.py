"""Settings that decide no call: found by playing every number with every outcome."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from b2bua.explain.compare import matrix
from b2bua.explain.scene import Scene
from b2bua.explain.whatif import ask
from b2bua.features import Features


def unused(document: Mapping[str, Any], at: datetime) -> list[str]:
    """
    Name the tables of features, and the routes, that decided nothing in any call.

    Tables of features that do not decide where a call goes are not meant: who
    may transfer, how a phone shows a number.

    @param document: the tables of a configuration that is good.
    """
    scenes: dict[datetime, Scene] = {}
    used: set[str] = set()
    deciding: set[str] = set()
    for question in matrix(document, document, at):
        if question.at not in scenes:
            scenes[question.at] = Scene(document, question.at)
        answer = ask(document, question, scenes[question.at]).run()
        for node in (node for root in answer.targets for node in root.every()):
            used.update(node.settings)
            for decision in node.decisions:
                used.update(decision.settings)
                deciding.add(decision.feature)
    features = next(iter(scenes.values())).served.server.core.calls.features if scenes else None
    tables = []
    if isinstance(features, Features):
        asked = [
            plugin.name
            for plugin in features.plugins
            if "route_call" in plugin.hooks or plugin.name in deciding
        ]
        tables = [table for name in asked for table in features.written(name)]
    routes = [f"routes[{number}]" for number, _ in enumerate(document.get("routes", []))]
    return [setting for setting in dict.fromkeys((*tables, *routes)) if setting not in used]
