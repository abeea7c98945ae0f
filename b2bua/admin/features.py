"""What people can ask of the features of a service that runs: look at them, change settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from b2bua.admin.refused import Mistaken, Refused, Unknown
from b2bua.admin.values import CommandRow, FeatureRow, FileRow, Forgotten, SettingChanged, SettingRow
from b2bua.face.options import NotConfigured

if TYPE_CHECKING:
    from pathlib import Path

    from b2bua.admin.figures import PluginFigures
    from b2bua.face.options import Setting
    from b2bua.features import Features
    from b2bua.settings import Settings


class Choices:
    """Answers questions about features and what users have chosen."""

    def __init__(
        self, features: Callable[[], Features], settings: Callable[[], Settings], figures: PluginFigures
    ) -> None:
        """Look at the generation of features that new calls get, at who there is, and at what they did."""
        self._figures = figures
        self._features = features
        self._settings = settings

    @property
    def generation(self) -> Features:
        """The features that new calls get."""
        return self._features()

    def features(self) -> list[FeatureRow]:
        """The features in the order in which they are asked."""
        features = self._features()
        return [
            FeatureRow(
                name=plugin.name,
                version=plugin.version,
                out=plugin.out,
                codes={c.name: c.code for c in features.codes.all if c.feature == plugin.name},
                **asdict(self._figures.of(plugin.name)),
            )
            for plugin in features.plugins
        ]

    def settings(self, extension: str) -> list[SettingRow]:
        """The settings that can be changed for an extension, as they hold now."""
        self._known("extensions", extension)
        return [_row(one) for one in self._features().settings(extension)]

    def changed(self) -> dict[str, Any]:
        """Everything that users have changed, by its path in the file."""
        return self._features().preferences.changed_paths()

    def change(self, path: str, value: Any = None) -> SettingChanged:
        """Change a setting; without a value the one of the file is back."""
        kind, *names = path.split(".")
        if names:
            self._known(kind, names[0])
        try:
            before = self._features().setting(path)
            after = self._features().change(path, value)
        except (ValueError, NotConfigured) as error:
            raise Mistaken(str(error)) from None
        return SettingChanged(**dict(_row(after)), before=None if before is None else before.value)

    def commands(self) -> list[CommandRow]:
        """What plugins add to the command."""
        return [
            CommandRow.model_validate(command.described()) for command in self._features().commands.values()
        ]

    def figures(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """What plugins have for monitoring systems, as it is now."""
        return self._features().figures()

    def file(self, name: str) -> tuple[str, bytes | Path]:
        """What a plugin has to be got by HTTP: its type and content."""
        try:
            found = self._features().file(name)
        except ValueError as error:
            raise Refused(str(error), 500) from None
        if found is None:
            raise Unknown(f"there is no file {name:.60}")
        return found

    def files_of(self, calls: Collection[str]) -> dict[str, list[str]]:
        """The paths of the files that plugins have of calls, by the ids of these."""
        found = self._features().files_of(calls) if calls else {}
        return {call: [f"/files/{quote(name)}" for name in names] for call, names in found.items()}

    def files(self, call: str) -> list[FileRow]:
        """The files that plugins have of a call, such as its recordings."""
        return [FileRow(path=path) for path in self.files_of([call]).get(call, [])]

    async def run(self, command: str, arguments: dict[str, Any]) -> Any:
        """Run the command of a plugin."""
        features = self._features()
        found = features.commands.get(command)
        if found is None:
            raise Unknown(
                f"no plugin has the command {command}; there are {', '.join(features.commands) or 'none'}"
            )
        try:
            return await features.run(found, arguments)
        except ValueError as error:
            raise Mistaken(str(error)) from None

    async def boards(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """
        What plugins show of themselves, such as queues and who is parked: by the name of the command.

        It is what those of their commands say that have no arguments and answer with rows.
        """
        features, found = self._features(), []
        for name, command in features.commands.items():
            said = str(inspect.signature(command.call).return_annotation)
            if command.arguments or not said.startswith("list[dict["):
                continue
            try:
                rows = await features.run(command, {})
            except ValueError:
                continue  # there is nothing to show
            found.append((name, [row for row in rows if isinstance(row, dict)]))
        return found

    def forget(self, name: str) -> Forgotten:
        """Remove what a plugin has kept, and what users have changed of its settings."""
        features = self._features()
        if any(plugin.name == name and not plugin.out for plugin in features.plugins):
            raise Refused(f"the plugin {name} is at work; turn it off first: [plugins] off")
        rows, settings = features.rows.forget(name), features.preferences.forget(name)
        if not rows and not settings:
            raise Unknown(f"nothing is kept of a plugin {name}")
        return Forgotten(name=name, rows=rows, settings=settings)

    def _known(self, kind: str, name: str) -> None:
        """Is there such an extension or trunk?  Other tables are the features' own."""
        settings = self._settings()
        there = {"extensions": settings.extensions, "trunks": settings.trunks}.get(kind)
        if there is not None and name not in there:
            raise Unknown(f"there is no {kind[:-1]} {name}")


def _row(setting: Setting) -> SettingRow:
    """Show a setting."""
    return SettingRow(
        path=setting.path,
        value=setting.value,
        changed=setting.changed,
        feature=setting.feature,
        form=dict(setting.form),
    )
