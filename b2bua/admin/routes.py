"""The table of all questions and commands: where each one stands, and who may ask it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from b2bua.admin.route import Role, Route

if TYPE_CHECKING:
    from b2bua.admin.accounts import Accounts
    from b2bua.admin.audit import Audit
    from b2bua.admin.calls import Calls
    from b2bua.admin.features import Choices
    from b2bua.admin.phones import Phones
    from b2bua.admin.status import ServiceStatus
    from b2bua.admin.values import Reloaded, Restarted
    from b2bua.admin.webhooks import Webhooks

USER, OPERATOR, ADMINISTRATOR = Role.USER, Role.OPERATOR, Role.ADMINISTRATOR


def routes(
    service: ServiceStatus,
    phones: Phones,
    calls: Calls,
    choices: Choices,
    accounts: Accounts,
    audit: Audit,
    webhooks: Webhooks,
    reload: Callable[[], Awaitable[Reloaded]],
    restart: Callable[[], Awaitable[Restarted]],
) -> tuple[Route, ...]:
    """All of them; of two that match a path the first one counts."""
    return (
        Route("GET", "/status", OPERATOR, service.status),
        Route("POST", "/reload", ADMINISTRATOR, reload),
        Route("POST", "/restart", ADMINISTRATOR, restart),
        # Phones and extensions.
        Route("GET", "/extensions", OPERATOR, phones.extensions),
        Route("POST", "/extensions", ADMINISTRATOR, phones.add),
        Route("DELETE", "/extensions/{extension}", ADMINISTRATOR, phones.remove),
        Route("PUT", "/extensions/{extension}/password", ADMINISTRATOR, phones.change_password),
        Route("DELETE", "/extensions/{extension}/registrations", OPERATOR, phones.unregister),
        Route("GET", "/registrations", OPERATOR, phones.registrations, own="extension"),
        Route("GET", "/places", OPERATOR, phones.places),
        Route("GET", "/failing", OPERATOR, phones.failing),
        Route("DELETE", "/ignored/{source}", OPERATOR, phones.pardon),
        # Calls.
        Route("GET", "/calls", OPERATOR, calls.going, own="party"),
        Route("POST", "/calls", OPERATOR, calls.start, own="extension"),
        Route("GET", "/calls/past", OPERATOR, calls.past, own="party"),
        Route("GET", "/calls/past/hours", OPERATOR, calls.hours, own="party"),
        Route("GET", "/calls/{call}/trace", OPERATOR, calls.trace),
        Route("GET", "/calls/{call}/files", ADMINISTRATOR, choices.files),
        Route("DELETE", "/calls/{call}", OPERATOR, calls.hangup),
        Route("POST", "/calls/{call}/move", OPERATOR, calls.move),
        # Features, and what users have chosen.
        Route("GET", "/features", OPERATOR, choices.features),
        Route("DELETE", "/features/{name}/kept", ADMINISTRATOR, choices.forget),
        Route("GET", "/extensions/{extension}/settings", OPERATOR, choices.settings, own="extension"),
        Route("GET", "/extensions/{extension}/whatif", OPERATOR, calls.whatif, own="extension"),
        Route("GET", "/settings", OPERATOR, choices.changed),
        Route("PUT", "/settings/{path}", ADMINISTRATOR, choices.change, own="path"),
        # Who is told by us.
        Route("GET", "/webhooks", OPERATOR, webhooks.webhooks),
        Route("GET", "/webhooks/{name}/dead", OPERATOR, webhooks.dead),
        Route("POST", "/webhooks/{name}/dead/again", ADMINISTRATOR, webhooks.again),
        Route("DELETE", "/webhooks/{name}/dead", ADMINISTRATOR, webhooks.forget),
        # Who may come in from the network, and what they have changed.
        Route("GET", "/accounts", ADMINISTRATOR, accounts.accounts),
        Route("POST", "/accounts", ADMINISTRATOR, accounts.add),
        Route("DELETE", "/accounts/{name}", ADMINISTRATOR, accounts.remove),
        Route("PUT", "/accounts/{name}/password", ADMINISTRATOR, accounts.change_password),
        Route("POST", "/accounts/{name}/link", ADMINISTRATOR, accounts.link),
        Route("GET", "/tokens", ADMINISTRATOR, accounts.tokens),
        Route("POST", "/tokens", ADMINISTRATOR, accounts.add_token),
        Route("DELETE", "/tokens/{name}", ADMINISTRATOR, accounts.remove_token),
        Route("GET", "/changes", ADMINISTRATOR, audit.changes),
        Route("GET", "/commands", OPERATOR, choices.commands),
        Route("POST", "/commands/{command}", ADMINISTRATOR, choices.run),
    )
