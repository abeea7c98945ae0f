"""
The feature itself.

What it has in the configuration, when it comes and goes, and whom it stands before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.hookspecs.marks import hook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from b2bua.face.options import Options
    from b2bua.face.service import Service
    from b2bua.settings import Table


@hook("declaration")
def b2bua_settings() -> Mapping[str, type[Table]]:
    """
    Name the tables of the configuration that belong to the feature.

    Asked once for each generation of features, before the configuration is
    checked.  A key is the path of a table, with C{*} where a name stands:
    C{"night"} is the table C{[night]}, C{"extensions.*.night"} a table of each
    extension, and C{"extensions.*"} adds keys to the tables that extensions
    have already.  Two features that claim the same key are refused.

    @return: for each path, the model of the table.
    """
    raise NotImplementedError


@hook("declaration")
def b2bua_configure(options: Options) -> None:
    """
    Take what the configuration says.

    Called once for each generation of features, after the whole configuration
    has been found good and before the first call.  It may raise
    C{NotConfigured} to take the feature out; any other exception refuses the
    configuration, best a C{ValueError} whose text is one line for people.

    @param options: the feature's own tables, and what users have changed.
    """


@hook("declaration")
def b2bua_before() -> tuple[str, ...]:
    """
    Name the features that should be asked after this one.

    It makes the order when the configuration names none; names that are not
    installed are passed over.

    @return: names of features.
    """
    raise NotImplementedError


@hook("news")
def setting_changed(owner: str, feature: str, key: str, value: object) -> None:
    """
    A user has changed a setting at run time.

    Told after the change holds, by whatever way it was made: a feature code, a
    command, the phone.

    @param owner: whose setting, C{extensions.102}, say.
    @param feature: the feature that declared it.
    @param key: which one, by its path below the owner: C{forward.busy}, say.
    @param value: the new value; L{None} when the default of the file is back.
    """


@hook("news", "")  # told to each plugin with a service of its own
def service_started(service: Service) -> None:
    """
    The service is up: its sockets are open.

    Told once for each generation of features, before any call of that
    generation.

    @param service: what the plugin can ask of the service and have it do: look
        calls up, begin and end them, run timers, keep rows of its own.
    """


@hook("news", "")  # told to each plugin with a service of its own
def service_stopping(service: Service) -> None:
    """
    The service takes no new calls and will be gone.

    Told once; also to a generation of features that is replaced by a reload.
    Its timers end then, but for those of calls that go on.

    @param service: as for C{service_started}.
    """
