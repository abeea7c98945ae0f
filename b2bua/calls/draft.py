"""An invitation that features may still edit."""

from __future__ import annotations

from dataclasses import dataclass, field

from b2bua.legs.words import Fields


@dataclass(slots=True)
class InvitationDraft:
    """What an INVITE to one target will say of the call; edited in place."""

    from_display: str
    from_uri: str
    to_uri: str
    to_display: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, value: str) -> None:
        """Add a header field after those that are there."""
        self.fields.append((name, value))

    def remove(self, name: str) -> None:
        """Take out every header field of that name, in any case."""
        self.fields = [f for f in self.fields if f[0].lower() != name.lower()]

    def replace(self, name: str, value: str) -> None:
        """Put one header field in the place of all of that name."""
        self.remove(name)
        self.add(name, value)

    def finished(self) -> Fields:
        """The header fields, which nobody can change any more."""
        return tuple(self.fields)
