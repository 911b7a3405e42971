"""What can be done from the palette: places to go, saved views, and actions, each only where the person may.

A command is a link or one POST. Does not belong here: records (`views.record_search`), drawing (`js/palette.js`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import g

from app import permissions
from app.services import close_words, saved_views
from app.services.close_words import Comparison
from models.scope import Actor
from models.view import AUDIENCES
from models.words import _
from views import settings_kit, shell
from views.screen import Screen, screens


@dataclass(frozen=True, slots=True)
class Command:
    """`words` are looked for beside the label. With `fields` it is a POST of these, else a link. `key` is its
    shortcut; `does` names something that the page's own script does.
    """

    label: str
    url: str
    icon: str
    sub: str = ""
    words: str = ""
    fields: tuple[tuple[str, str], ...] | None = None
    key: str = ""
    does: str = ""

    def item(self) -> dict[str, Any]:
        """As the palette and the search page list it."""
        found: dict[str, Any] = {"title": str(self.label), "sub": str(self.sub), "url": self.url, "icon": self.icon}
        if self.fields is not None:
            found["fields"] = self.fields
        if self.key:
            found["key"] = self.key
        if self.does:
            found["does"] = self.does
        return found


def matching(commands: Sequence[Command], q: str) -> tuple[int, list[Command]]:
    """The commands that the words of `q` may mean, the likeliest first, and how many errors the first is off; typing
    errors are forgiven.
    """
    words = close_words.typed(q)
    if not words:
        return 0, list(commands)
    comparison = Comparison(words)
    named = q.casefold()
    found = [
        ((one.label.casefold() != named, *distance), one)
        for one in commands
        if (distance := comparison.distance(one.label, (one.words, one.sub)))
    ]
    found.sort(key=lambda pair: pair[0])
    return found[0][0][1] if found else 0, [one for _, one in found]


def places(actor: Actor) -> list[Command]:
    """The entries of the menu, the compliance console and the settings."""
    found = [
        Command(item.label, item.url, item.icon, key=f"G {item.key.upper()}" if item.key else "")
        for group in shell.menu(actor)
        for item in group.items
    ]
    if permissions.reach(actor, "read", "audit") is not None:
        found.append(Command(_("Audit log"), "/compliance/", "shield", _("Compliance"), key="G A"))
        found.append(Command(_("Data map"), "/compliance/data-map/", "shield", _("Compliance")))
    known = {one.url for one in found}
    found += [
        Command(one["label"], one["url"], one["icon"], _("Settings"))
        for one in settings_kit.nav()
        if one["url"] not in known and (actor.grant_id is None or not one["url"].startswith("/account"))
    ]
    return found


def views_of(actor: Actor) -> list[Command]:
    """The saved views that this person has, and the tabs that screens come with."""
    words, found = dict(AUDIENCES), []
    for spec in _readable(actor):
        for one in saved_views.seen(spec.entity, actor=actor):
            sub = f"{spec.label} · {words[one.audience]}"
            found.append(Command(one.name, f"{spec.url()}?view={one.id}", spec.icon, sub, _("view")))
        for label, query in spec.views:
            url = spec.url() + (f"?{query}" if query else "")
            found.append(Command(f"{spec.label}: {label}", url, spec.icon, "", _("view")))
    return found


def actions(actor: Actor) -> list[Command]:
    """Everything that can be begun from anywhere."""
    return [*_records(actor), *_setup(actor), *_own(actor), *_whole(actor)]


def with_words(q: str, actor: Actor) -> list[Command]:
    """What can be done with the typed words themselves."""
    found = []
    for spec in _readable(actor):
        if not spec.quick:
            continue
        if spec.may_add(actor):
            url = f"{spec.url(page='new')}?{urlencode({spec.title: q})}"
            found.append(Command(_("New {singular} “{words}”", singular=spec.singular, words=q[:60]), url, "plus"))
        label = _("Search {records} for “{words}”", records=spec.label.lower(), words=q[:60])
        found.append(Command(label, f"{spec.url()}?{urlencode({'q': q})}", "filter"))
    return found


def _readable(actor: Actor) -> Iterator[Screen]:
    return (spec for spec in screens().values() if spec.group and spec.can(actor, "read"))


def _records(actor: Actor) -> Iterator[Command]:
    specs = list(_readable(actor))
    for spec in specs:
        if spec.may_add(actor):
            yield Command(
                _("New {singular}", singular=spec.singular), spec.url(page="new"), "plus", words=_("add create")
            )
    if permissions.reach(actor, "write", "import") is not None:
        yield Command(_("Import contacts"), "/contacts/import", "upload", words=_("upload csv vcard"))
    for spec in specs:
        if spec.can(actor, "export"):
            for kind in ("csv", "xlsx"):
                label = _("Export {records} as {kind}", records=spec.label.lower(), kind=kind.upper())
                url = spec.url(page=f"export.{kind}")
                yield Command(label, url, "download", words=_("download"), fields=())
    for spec in specs:
        yield Command(
            _("Manage views of {records}", records=spec.label.lower()), spec.url(page="views"), "list",
            words=_("saved default"),
        )  # fmt: skip


def _whole(actor: Actor) -> Iterator[Command]:
    """Asked for less often than what stands before it."""
    for spec in _readable(actor):
        if spec.can(actor, "export"):
            label = _("Export every field of {records}", records=spec.label.lower())
            yield Command(label, spec.url(page="export.csv?all=1"), "download", words=_("download csv"), fields=())


def _setup(actor: Actor) -> Iterator[Command]:
    if permissions.reach(actor, "write", "custom_field") is None:
        return
    for spec in _readable(actor):
        name = spec.label.lower()
        yield Command(
            _("Customise {records}", records=name), f"/customise/{spec.entity}", "adjustments", words=_("fields")
        )
        yield Command(
            _("Layout of {records}", records=name), f"/customise/{spec.entity}/layout", "forms",
            words=_("customise form sections"),
        )  # fmt: skip


def _own(actor: Actor) -> Iterator[Command]:
    """What a person sets for themselves; closed while somebody acts as another."""
    if actor.grant_id is not None:
        yield Command(_("End the access"), "/account/access/end", "logout", words=_("stop acting"), fields=())
        return
    for value, label in (("light", _("Theme: Light")), ("dark", _("Theme: Dark")), ("", _("Theme: As this device"))):
        icon = {"light": "sun", "dark": "moon"}.get(value, "device-desktop")
        yield Command(label, "/account/look", icon, words=_("colour look"), fields=(("theme", value),))
    for value, label in (("", _("Comfortable lists")), ("compact", _("Compact lists"))):
        yield Command(label, "/account/look", "line-height", words=_("density rows"), fields=(("density", value),))
    on = bool(g.user_facts.shortcuts)
    switch = _("Switch single-key shortcuts off") if on else _("Switch single-key shortcuts on")
    wanted = (("shortcuts-shown", "1"), ("shortcuts", "" if on else "1"))
    yield Command(switch, "/account/look", "keyboard", words=_("keys"), fields=wanted)
    yield Command(_("Keyboard shortcuts"), "", "keyboard", words=_("keys help"), key="?", does="keys")
    yield Command(_("API reference"), "/api/docs", "api", words=_("help rest"))
    for other in g.get("other_workspaces", ()):
        label = _("Switch to {workspace}", workspace=other["name"])
        yield Command(label, "/account/switch", "selector", words=_("workspace"), fields=(("slug", other["slug"]),))
    yield Command(_("Sign out"), "/auth/logout", "logout", words=_("log off leave"), fields=(), does="signout")
