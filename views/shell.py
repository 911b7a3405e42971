"""What every console page needs around its content: who is signed in, the menu, icons, toasts, formats."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Flask, g, request, session
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape

from app import permissions
from app.services import first_views, schema, values
from app.services.access_grants import Acting
from models import formats
from models.fields import Field, Kind
from models.scope import Actor, Reach, Rights
from models.words import N_, _, _n
from views import drawing
from views.screen import of, screens

_EXTRA = (
    # group, label, url, icon, entity, action
    (N_("Workspace"), N_("Members"), "/settings/members", "users", "membership", "read"),
    (N_("Workspace"), N_("Roles"), "/settings/roles", "key", "role", "read"),
    (N_("Workspace"), N_("Jobs"), "/jobs/", "stack-2", "job", "read"),
    (N_("Workspace"), N_("Customise"), "/customise/", "adjustments", "custom_field", "write"),
    (N_("Workspace"), N_("Settings"), "/settings/workspace", "settings", "workspace", "read"),
)
# G and then one of these leads there.
_KEYS = {"contact": "c", "deal": "d"}
_MOST_TOASTS = 5
_MOST_MENUS = 2000
_GROUPS = ("", N_("Records"), N_("Outreach"), N_("Setup"), N_("Workspace"))


class Me(NamedTuple):
    """Who is signed in, as the header names them; with `keys` single letters are shortcuts."""

    id: int
    name: str
    email: str
    initials: str
    theme: str | None
    density: str | None
    zone: str
    keys: bool


class House(NamedTuple):
    """A workspace in the header; without a colour of its own in ours."""

    name: str
    slug: str
    initials: str
    colour: str | None = None


class Item(NamedTuple):
    """An entry of a menu. `quick` puts it into the phone's bottom bar, `key` behind the shortcut G."""

    label: str
    url: str
    icon: str
    current: bool
    quick: bool = False
    key: str | None = None


class Group(NamedTuple):
    """A part of a menu with its heading."""

    label: str
    items: tuple[Item, ...]


Homes = tuple[tuple[str, str], ...]
_menus: dict[tuple[int, str, Homes], tuple[Rights, tuple[Group, ...]]] = {}


def init(app: Flask) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(csrf=csrf, zip=zip)
    drawing.init(app)
    app.jinja_env.getattr = _getattr(app.jinja_env.getattr, app.jinja_env.undefined)  # type: ignore[assignment,method-assign]
    app.context_processor(_around)


def actor() -> Actor:
    """The one who makes this request."""
    found: Actor = g.actor
    return found


def locale() -> values.Locale:
    """Zone of the viewer, region and currency of the workspace."""
    if "locale" not in g:
        workspace = g.workspace
        g.locale = values.Locale(actor().zone or workspace.zone, workspace.region, workspace.currency)
    found: values.Locale = g.locale
    return found


def csrf() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def initials(name: str) -> str:
    """At most two letters: of the first and the last word."""
    words = [w for w in name.split() if w[0].isalnum()]
    return (words[0][0] + words[-1][0] if len(words) > 1 else words[0][0] if words else "").upper()


def toast(text: str, undo_url: str | None = None) -> None:
    """Good news on the next page, with a way to take it back."""
    # Few are kept for a browser that shows none, such as a program that only sends forms.
    session["toasts"] = [*session.get("toasts", ())[1 - _MOST_TOASTS :], {"text": str(text), "undo_url": undo_url}]


def day(moment: dt.datetime, zone: ZoneInfo, today: dt.date | None = None) -> str:
    """A moment in a list: "today 10:42", "yesterday", "14 May", "14 May 2024"; in the viewer's zone."""
    local = moment.astimezone(zone)
    today = today or dt.datetime.now(zone).date()
    ago = today.toordinal() - local.toordinal()
    if ago == 0:
        return _("today {time}", time=f"{local:%H:%M}")
    if ago == 1:
        return _("yesterday")
    if ago == -1:
        return _("tomorrow {time}", time=f"{local:%H:%M}")
    return formats.day_of_month(local) if local.year == today.year else formats.date(local)


def show(field: Field, value: Any, loc: values.Locale) -> Any:
    """A value on a record page: words with the zone where it is a time, links where one can act."""
    if value is None or value == "":
        return ""
    if field.kind is Kind.MOMENT:
        local = value.astimezone(loc.zone)
        return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), formats.moment(local))
    if field.kind is Kind.DATE:
        return formats.date(value)
    if field.kind is Kind.EMAIL:
        return Markup('<a class="lk" href="mailto:{0}">{0}</a>').format(value)
    if field.kind is Kind.PHONE:
        return Markup('<a class="lk" href="tel:{}">{}</a>').format(value, values.to_text(field, value, loc))
    if field.kind is Kind.URL:
        return Markup('<a class="lk" href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(
            value, value.split("://", 1)[-1].rstrip("/")
        )
    if field.kind is Kind.LONG_TEXT:
        return Markup("<br>").join(escape(line) for line in str(value).splitlines())
    return values.to_text(field, value, loc)


def _getattr(plain: Callable[[Any, str], Any], undefined: Callable[..., Any]) -> Callable[[Any, str], Any]:
    """`x.name` in templates: a dictionary's member first. Asking for an attribute that fails, a thousand times a form,
    costs a millisecond.
    """
    methods = frozenset(dir(dict))

    def found(thing: Any, name: str) -> Any:
        if type(thing) is dict:
            if name in thing:
                return thing[name]
            if name not in methods:
                return undefined(obj=thing, name=name)
        return plain(thing, name)

    return found


def _around() -> dict[str, Any]:
    """Template globals of a request; the sign-in pages have no actor, and then no menu."""
    found: Actor | None = getattr(g, "actor", None)
    workspace = getattr(g, "workspace", None)
    base: dict[str, Any] = {
        "me": None,
        "workspace": None,
        "workspaces": (),
        "nav": (),
        "messages": [],
        "side": "console",
        "can_compliance": False,
        "acting": None,
        "waiting": None,
    }
    if found is None or workspace is None or found.user_id is None:
        return base
    user = g.user_facts
    return base | {
        "me": Me(
            found.user_id,
            found.label,
            user.email,
            initials(found.label),
            user.theme,
            user.density,
            found.zone,
            bool(user.shortcuts),
        ),
        "workspace": House(workspace.name, workspace.slug, initials(workspace.name), workspace.color),
        "workspaces": g.get("other_workspaces", ()),
        "nav": menu(found),
        "acting": _acting(g.get("acting")),
        "waiting": _waiting(found, workspace.mail_waiting),
        "can_compliance": permissions.reach(found, "read", "audit") is not None,
        "side": "compliance" if request.path.startswith("/compliance") else "console",
        "messages": session.pop("toasts", []) if "toasts" in session else [],
    }


def _waiting(found: Actor, number: int) -> dict[str, str] | None:
    """What the first page and the e-mails say of incoming mail that nobody could place, to who may file any of it."""
    mail, near = of("inbound_mail"), ("/", of("message").url())
    if not number or request.path not in near or permissions.reach(found, "write", mail.entity) is not Reach.WORKSPACE:
        return None
    words = _n("{n} incoming mail waits to be filed.", "{n} incoming mails wait to be filed.", number)
    return {"text": words, "url": mail.home}


def _acting(found: Acting | None) -> dict[str, str] | None:
    """What the banner of granted access says: as whom, until when, and why."""
    if found is None:
        return None
    until = found.until.astimezone(locale().zone)
    return {"as": found.as_label, "until": f"{until:%H:%M %Z}", "why": found.purpose, "who": found.grantee}


def menu(found: Actor) -> tuple[Group, ...]:
    """The menu filtered by rights, in memory. Kept for these rights, the entry that one is at, and where it leads."""
    here = request.path
    at = "/" if here == "/" else next((url for url in _urls() if here.startswith(url)), "")
    homes = _homes(found)
    kept = _menus.get((id(found.rights), at, homes))
    if kept is None or kept[0] is not found.rights or found.everything:
        if len(_menus) >= _MOST_MENUS:
            _menus.clear()
        kept = _menus[id(found.rights), at, homes] = (found.rights, _menu(found, at, homes))
    return kept[1]


@cache
def _urls() -> list[str]:
    return [spec.url() for spec in screens().values() if spec.group] + [url for _, _, url, *_ in _EXTRA]


def _menu(found: Actor, at: str, homes: Homes) -> tuple[Group, ...]:
    groups: dict[str, list[Item]] = {name: [] for name in _GROUPS}
    groups[""].append(Item(N_("Today"), "/", "layout-dashboard", at == "/", quick=True, key="t"))
    for spec in screens().values():
        if spec.group and spec.can(found, "read"):
            groups.setdefault(spec.group, []).append(
                Item(
                    spec.label,
                    dict(homes).get(spec.entity) or spec.home or spec.url(),
                    spec.icon,
                    at == spec.url(),
                    spec.quick,
                    _KEYS.get(spec.entity),
                )
            )
    for group, label, url, symbol, entity, action in _EXTRA:
        if permissions.reach(found, action, entity) is not None:
            groups[group].append(Item(label, url, symbol, at == url))
    return tuple(Group(name, tuple(items)) for name, items in groups.items() if items)


def _homes(found: Actor) -> Homes:
    """Where the menu leads for entities that this person, or their role, has open with a view of a choice."""
    known = schema.current().firsts
    if not known:
        return ()
    firsts = ((of(entity), first_views.opens(entity, actor=found)) for entity in known if entity in screens())
    return tuple(
        (spec.entity, spec.url() + ("" if isinstance(first, str) else f"?view={first.id}"))
        for spec, first in firsts
        if first is not None
    )
