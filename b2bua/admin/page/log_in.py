"""Where people log in: with a name and a password, or by a link that is good for once."""

from __future__ import annotations

from twisted.web.template import Tag, tags

from b2bua.admin.page.frame import brand, frame
from b2bua.admin.page.words import Say


def log_in(language: str, say: Say) -> Tag:
    """The view."""
    form = tags.form(
        tags.label(say("Name"), tags.input(name="name", autocomplete="username", required="required")),
        tags.label(
            say("Password"),
            tags.input(
                name="password", type="password", autocomplete="current-password", required="required"
            ),
        ),
        tags.button(say("Log in"), class_="first"),
        class_="login",
    )
    form.attributes.update({"data-method": "POST", "data-path": "/login", "data-then": "/"})
    return frame(None, language, say, "login", "Log in", [tags.section(tags.h1(brand()), form)])
