"""Keys for programs: the list, making one, rotating, revoking. Each key is shown once, when it is made.

Does not belong here: what a key may be (`app.services.api_keys`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import api_keys, values
from models import formats
from models.access import ApiKey
from models.base import session
from models.fields import now
from models.scope import Actor
from models.words import N_, _, _n
from models.workspace import Membership
from views import shell
from views.freshness import require_fresh
from views.roles import label_of
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("keys", __name__, url_prefix="/account/keys")
Answer = str | Response | tuple[str, int]
_SHOWN_ONCE = N_("Shown once. Keep it where your program keeps its secrets. It is sent as: Authorization: Bearer …")
_OVERLAPS = (
    ("0", N_("At once")),
    ("1", N_("After 1 hour")),
    ("24", N_("After 24 hours")),
    ("168", N_("After 7 days")),
    ("720", N_("After 30 days")),
)


@pages.get("")
def show() -> Answer:
    actor = _here()
    listed = api_keys.listed(actor=actor)
    may = permissions.reach(actor, "write", "api_key") is not None
    prefixes = {key.id: key.prefix for key, _ in listed}
    replaced = {key.successor_id: key for key, _ in listed if key.successor_id is not None}
    rows = [
        {
            "cells": [
                _name(key, owner, prefixes, replaced),
                _may_do(key.scopes),
                _when(key.last_used_at) or _("never"),
                _ends(key),
            ],
            "actions": _acts(key, actor) if may else [],
        }
        for key, owner in listed
    ]
    add = [{"label": _("Make a key"), "icon": "plus", "url": "/account/keys/new", "primary": True}]
    table = {
        "columns": [_("Key"), _("May do"), _("Last used"), _("Ends")],
        "rows": rows,
        "empty": _("No keys yet. A key lets a program work with your records."),
    }
    return page(title=_("API keys"), table=table, head_actions=add if may else [], **_warning(listed))


@pages.route("/new", methods=("GET", "POST"))
def new() -> Answer:
    actor = _here()
    permissions.require(actor, "write", "api_key")
    require_fresh(actor, "/account/keys/new")
    errors: dict[str, str] = {}
    if request.method == "POST":
        days = request.form.get("days", "")
        try:
            member = session.get_one(Membership, actor.membership_id)
            _key, text = api_keys.create(
                member,
                request.form.get("name", ""),
                request.form.getlist("scopes"),
                values.whole(days) or 0,
                actor=actor,
            )
            return _shown(text, _SHOWN_ONCE)
        except Invalid as error:
            errors = error.fields
    groups = [
        {
            "title": _("New key"),
            "hint": _("A key can do what you choose here, and never more than you."),
            "fields": _fields(actor, errors),
        }
    ]
    return page(
        title=_("Make a key"),
        groups=groups,
        action="/account/keys/new",
        submit=_("Make the key"),
        errors=problems(errors, labels_of(groups)),
        status=422 if errors else 200,
    )


@pages.route("/<int:key>/rotate", methods=("GET", "POST"))
def rotate(key: int) -> Answer:
    """A successor for a key: both work until the old one ends."""
    actor = _here()
    permissions.require(actor, "write", "api_key")
    old = next((one for one, _ in api_keys.listed(actor=actor) if one.id == key), None)
    if old is None or old.membership_id != actor.membership_id:
        raise NotFound()
    require_fresh(actor, f"/account/keys/{key}/rotate")
    errors: dict[str, str] = {}
    if request.method == "POST":
        hours = values.whole(request.form.get("overlap", ""))
        try:
            # A number of hours that is none at all is refused with the same sentence.
            overlap = dt.timedelta(hours=min(hours, 10_000)) if hours is not None else -dt.timedelta(hours=1)
            ended, _made, text = api_keys.rotate(key, overlap, actor=actor)
            return _shown(
                text,
                _(
                    "The old key, rec_{prefix}…, works until {when}. {shown_once}",
                    prefix=ended.prefix,
                    when=_when(ended.expires_at),
                    shown_once=_SHOWN_ONCE,
                ),
            )
        except Invalid as error:
            errors = error.fields
    choice = field(
        "overlap", _("The old key ends"), kind="choice", value="24", choices=_OVERLAPS, errors=errors, required=True
    )
    shown = render_template(
        "confirm.html",
        title=_("Rotate “{name:.60}”", name=old.name),
        text=_("A new key with the same name and the same rights takes its place. Until the old one ends, both work."),
        fields=[choice],
        action=f"/account/keys/{key}/rotate",
        verb=_("Make the new key"),
        cancel_url="/account/keys",
    )
    return (shown, 422) if errors else shown


@pages.post("/<int:key>/revoke")
def revoke(key: int) -> Answer:
    api_keys.revoke(key, actor=_here())
    flash(_("The key is revoked and no longer works."), "success")
    return redirect("/account/keys", 303)


def _shown(text: str, note: str) -> Any:
    back = {"label": _("Back to the keys"), "icon": "key", "url": "/account/keys", "primary": False}
    return page(
        title=_("API keys"),
        secret={"label": _("Your new key"), "text": text, "note": note},
        table=None,
        head_actions=[back],
    )


def _warning(listed: Iterable[tuple[ApiKey, str]]) -> dict[str, Any]:
    """What ends soon."""
    soon = api_keys.end_soon(key for key, _ in listed)
    if not soon:
        return {}
    first = soon[0]
    text = _(
        "The key “{name}” (rec_{prefix}…) ends on {when}. Rotate it in time.",
        name=first.name,
        prefix=first.prefix,
        when=_when(first.expires_at),
    )
    if len(soon) > 1:
        text += " " + _n("{n} more ends within 14 days.", "{n} more end within 14 days.", len(soon) - 1)
    return {"warning": {"cls": "warn", "icon": "clock", "text": text}}


def _name(key: ApiKey, owner: str, prefixes: Mapping[int, str], replaced: Mapping[int, ApiKey]) -> Markup:
    """Name, visible part and member, and which key is which after a rotation."""
    note = ""
    if key.successor_id is not None:
        note = (
            _("Old, replaced by rec_{prefixes}…", prefixes=prefixes[key.successor_id])
            if key.successor_id in prefixes
            else _("Old")
        )
    elif key.id in replaced:
        note = _("New, replaces rec_{prefix}…", prefix=replaced[key.id].prefix)
    shown = Markup(
        '<b class="fw-medium">{}</b><br><span class="t3 sm"><span class="font-monospace">rec_{}…</span> · {}</span>'
    )
    found = shown.format(key.name, key.prefix, owner)
    return found + Markup('<br><span class="t2 sm">{}</span>').format(note) if note else found


def _may_do(scopes: Iterable[str]) -> Markup:
    """Scopes as people read them: "Contacts: read, write"."""
    found: dict[str, list[str]] = {}
    for one in scopes:
        entity, _colon, action = one.partition(":")
        found.setdefault(entity, []).append(action)
    order = permissions.ACTIONS
    lines = [
        _(
            "{what}: {actions}",
            what=_("All records") if entity == "*" else N_(label_of(entity)),
            actions=", ".join(permissions.ACTION_WORDS[act].lower() for act in sorted(acts, key=order.index)),
        )
        for entity, acts in found.items()
        if set(acts) <= set(order)
    ]
    return Markup("<br>").join(lines)


def _ends(key: ApiKey) -> str | Markup:
    """The day, and how far away it is."""
    if key.expires_at is None:
        return _("never")
    left = key.expires_at - now()
    local = key.expires_at.astimezone(shell.locale().zone)
    hours = max(int(left.total_seconds() // 3600), 1)
    away = (
        _("in {days} days", days=left.days)
        if left.days > 1
        else _n("{time}, in {n} hour", "{time}, in {n} hours", hours, time=f"{local:%H:%M %Z}")
    )
    shown = Markup('{}<br><span class="t3 sm">{}</span>')
    return shown.format(formats.date(local), _("ended") if left <= dt.timedelta() else away)


def _acts(key: ApiKey, actor: Actor) -> list[dict[str, Any]]:
    acts: list[dict[str, Any]] = []
    if key.membership_id == actor.membership_id and key.successor_id is None and api_keys.is_live(key):
        acts.append({"label": _("Rotate"), "url": f"/account/keys/{key.id}/rotate"})
    return [*acts, {"label": _("Revoke"), "url": f"/account/keys/{key.id}/revoke", "post": True}]


def _fields(actor: Actor, errors: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[tuple[str, list[tuple[str, str] | None]]] = [
        (
            _("All records"),
            [(f"*:{a}", _("All records: {action}", action=permissions.ACTION_WORDS[a])) for a in permissions.ACTIONS],
        )
    ]
    for name in permissions.subjects():
        label = N_(label_of(name))
        rows.append((label, [_scope(actor, name, action, label) for action in permissions.ACTIONS]))
    rows = [(label, cells) for label, cells in rows if any(cells)]
    return [
        field(
            "name", _("Name"), value="", errors=errors, required=True, hint=_("Such as the program that will use it")
        ),
        field(
            "days",
            _("Ends after (days)"),
            kind="number",
            value="365",
            errors=errors,
            required=True,
            min=1,
            max=api_keys.LONGEST_DAYS,
            step=1,
        ),
        field(
            "scopes",
            _("May do"),
            kind="multichoice",
            value=set(),
            grid={"heads": [_("Records"), *(permissions.ACTION_WORDS[a] for a in permissions.ACTIONS)], "rows": rows},
            errors=errors,
            required=True,
            wide=True,
        ),
    ]


def _scope(actor: Actor, name: str, action: str, label: str) -> tuple[str, str] | None:
    return (
        (f"{name}:{action}", f"{label}: {permissions.ACTION_WORDS[action].lower()}")
        if permissions.reach(actor, action, name)
        else None
    )


def _when(moment: Any) -> str:
    """A day; with the time where it is near."""
    if moment is None:
        return ""
    local = moment.astimezone(shell.locale().zone)
    near = abs(moment - now()) < dt.timedelta(days=2)
    return formats.moment(local) if near else formats.date(local)


def _here() -> Actor:
    """Keys belong to a workspace: they are not there without one."""
    found: Actor | None = g.actor
    if found is None:
        raise NotFound()
    return found
