"""What the INVITE to one destination says of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from b2bua.calls.diversion import fields_for
from b2bua.calls.draft import InvitationDraft
from b2bua.legs.context import Invitation

if TYPE_CHECKING:
    from b2bua.calls.draft import Script
    from b2bua.calls.ports import Destination
    from b2bua.calls.routing.seeking import LiveAttempt
    from b2bua.legs.party import Party


def invitation(
    attempt: LiveAttempt, destination: Destination, breadth: int
) -> tuple[Invitation, Script | None]:
    """
    What the INVITE to C{destination} says, when the features have edited what it says of the call.

    @param breadth: its Max-Breadth.
    @return: that, and what talks to whoever answers before the caller does.
    """
    template, features = attempt.template, attempt.call.features
    party, request_uri, target, to_uri, route = destination
    draft = _draft(attempt, party, to_uri)
    if features.edits_invitation:
        features.edit_invitation(attempt, draft)
    invited = Invitation(
        request_uri,
        target,
        draft.from_uri,
        draft.to_uri,
        draft.from_display,
        draft.to_display,
        tuple(draft.fields),
        template.offer,
        template.max_forwards,
        breadth,
        route,
        tuple(draft.parts),
        draft.focus,
    )
    return invited, draft.first


def _draft(attempt: LiveAttempt, party: Party, to_uri: str) -> InvitationDraft:
    """Write what we know of the call, as the party may know it."""
    template = attempt.template
    identities, who = attempt.call.calls.identities, template.who
    identity = who.identity or identities.of_party(who.party)
    shown, told = identities.presented(identity, who.party, party, to_uri)
    fields = [*template.fields, *told]
    if told and identity.private and any(name == "P-Asserted-Identity" for name, _ in told):
        fields = _kept(fields)
    if attempt.path.diversions:
        fields.extend(fields_for(attempt.path, to_uri, trusted=party.policy.trusted))
    if attempt.alert_info:
        fields = [item for item in fields if item[0] != "Alert-Info"]
        fields.append(("Alert-Info", attempt.alert_info))
    display, uri, _, _ = shown
    return InvitationDraft(template.display or display, uri, to_uri, fields, party)


def _kept(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Ask for the identity to be kept, with what else was asked for in the same field (RFC 3323 4.2)."""
    asked = [item.strip() for name, value in fields if name == "Privacy" for item in value.split(";")]
    if "id" not in map(str.lower, asked):
        asked.append("id")
    return [*(item for item in fields if item[0] != "Privacy"), ("Privacy", ";".join(asked))]
