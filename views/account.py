"""One's own account: profile and look, how one signs in, where one is signed in, keys for programs.

These pages also open for somebody who is in no workspace (any more), but for the keys. Does not belong here: other
people.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, current_app, flash, g, redirect, request, session
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import accounts, api_keys, members, sessions, values
from models.base import session as db_session
from models.scope import Actor
from models.workspace import Membership
from views import shell
from views.freshness import require_fresh
from views.redirects import back
from views.request_scope import person
from views.roles import label_of
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("account", __name__, url_prefix="/account")

Answer = str | Response | tuple[str, int]
_THEMES = (("", "As this device"), ("light", "Light"), ("dark", "Dark"))
_DENSITIES = (("", "Comfortable"), ("compact", "Compact"))


@pages.route("/", methods=("GET", "POST"))
def profile() -> Answer:
    """Name and facts that colleagues see, and how the console looks."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            actor = _here()
            typed = {name: request.form.get(name, "") for name in members.OWN_FIELDS}
            members.update_own(typed, shell.locale(), actor=actor)
            flash("Saved.", "success")
            return redirect("/account/", 303)
        except Invalid as error:
            errors = error.fields
    groups = [_profile_group(errors)] if g.membership else []
    return page(
        "account/profile.html",
        title="Account",
        groups=groups,
        action="/account/",
        errors=problems(errors, labels_of(groups)),
        look=_look_fields(),
        email=_me_facts().email,
        status=422 if errors else 200,
    )


@pages.post("/look")
def look() -> Answer:
    """Theme, density, zone, shortcuts; the header's menu sends one of them alone."""
    wanted = {name: request.form[name] for name in ("theme", "density", "zone") if name in request.form}
    if "shortcuts-shown" in request.form:
        wanted["shortcuts"] = request.form.get("shortcuts", "")
    accounts.set_look(_me().user_id or 0, wanted, actor=_me())
    return redirect(back(request.form.get("next"), "/account/"), 303)


@pages.post("/switch")
def switch() -> Answer:
    """Go to another of one's workspaces, by its short name; a foreign one is not found."""
    place = next((p for p in _known().places if p.workspace.slug == request.form.get("slug")), None)
    if place is None:
        raise NotFound()
    session.choose(place.workspace.id)  # type: ignore[attr-defined]
    accounts.remember_workspace(_me().user_id or 0, place.workspace.id, actor=_me())
    return redirect("/", 303)


@pages.get("/sessions")
def show_sessions() -> Answer:
    zone = shell.locale().zone if g.workspace else dt.UTC
    rows = []
    for one in sessions.of_user(
        _me().user_id or 0, idle=current_app.config["SESSION_IDLE"], absolute=current_app.config["SESSION_ABSOLUTE"]
    ):
        mine = one.id == _known().digest
        seen = one.seen_at.astimezone(zone).strftime("%d %b %Y, %H:%M %Z")
        rows.append(
            {
                "cells": [_device(one.user_agent) + (" (this one)" if mine else ""), one.ip or "", seen],
                "actions": [{"label": "Sign out", "url": f"/account/sessions/{one.id[:16]}/end", "post": True}],
            }
        )
    table = {"columns": ["Browser", "Address", "Last seen"], "rows": rows, "empty": "No sessions."}
    return page(
        "account/sessions.html",
        title="Sessions",
        table=table,
        intro="Where you are signed in. Signing out acts at once.",
    )


@pages.post("/sessions/<start>/end")
def end_session(start: str) -> Answer:
    """End one session, named by the start of its id."""
    mine = sessions.of_user(
        _me().user_id or 0, idle=current_app.config["SESSION_IDLE"], absolute=current_app.config["SESSION_ABSOLUTE"]
    )
    found = next((one.id for one in mine if one.id[:16] == start), None)
    if found is None:
        raise NotFound()
    accounts.end_sessions(_me().user_id or 0, only=found, actor=_me())
    flash("That session is signed out.", "success")
    return redirect("/account/sessions", 303)


@pages.post("/sessions/end")
def end_sessions() -> Answer:
    """End every session but this one."""
    ended = accounts.end_sessions(_me().user_id or 0, but=_known().digest, actor=_me())
    flash(f"{ended} other session{'s are' if ended != 1 else ' is'} signed out.", "success")
    return redirect("/account/sessions", 303)


@pages.get("/security")
def security() -> Answer:
    app_set_up, passkeys = accounts.second_factors(_me().user_id or 0)
    notice: dict[str, Any] = {}
    if request.args.get("why") == "required":
        text = (
            "Your workspace asks everybody for a second factor. Add a passkey or set up an authenticator app to go on."
        )
        notice = {"notice": {"cls": "warn", "icon": "shield-lock", "text": text}}
    return page(
        "account/security.html",
        title="Sign-in",
        app_set_up=app_set_up,
        passkeys=passkeys,
        email=_me_facts().email,
        **notice,
    )


@pages.get("/keys")
def keys() -> Answer:
    actor = _here()
    rows = [
        {
            "cells": [
                key.name,
                f"rec_{key.prefix}…",
                owner,
                ", ".join(key.scopes),
                _day(key.last_used_at) or "never",
                _day(key.expires_at) or "never",
            ],
            "actions": [{"label": "Revoke", "url": f"/account/keys/{key.id}/revoke", "post": True}],
        }
        for key, owner in api_keys.listed(actor=actor)
    ]
    add = [{"label": "Make a key", "icon": "plus", "url": "/account/keys/new", "primary": True}]
    table = {
        "columns": ["Name", "Key", "Of", "May do", "Last used", "Ends"],
        "rows": rows,
        "empty": "No keys yet. A key lets a program work with your records.",
    }
    return page(title="API keys", table=table, head_actions=add if permissions.reach(actor, "write", "api_key") else [])


@pages.route("/keys/new", methods=("GET", "POST"))
def new_key() -> Answer:
    actor = _here()
    permissions.require(actor, "write", "api_key")
    require_fresh(actor, "/account/keys/new")
    errors: dict[str, str] = {}
    if request.method == "POST":
        days = request.form.get("days", "")
        try:
            member = db_session.get_one(Membership, actor.membership_id)
            _, text = api_keys.create(
                member,
                request.form.get("name", ""),
                request.form.getlist("scopes"),
                values.whole(days) or 0,
                actor=actor,
            )
            note = "Shown once. Keep it where your program keeps its secrets. It is sent as: Authorization: Bearer …"
            return page(
                title="API keys",
                secret={"label": "Your new key", "text": text, "note": note},
                table=None,
                head_actions=[{"label": "Back to the keys", "icon": "key", "url": "/account/keys", "primary": False}],
            )
        except Invalid as error:
            errors = error.fields
    groups = [
        {
            "title": "New key",
            "hint": "A key can do what you choose here, and never more than you.",
            "fields": _key_fields(actor, errors),
        }
    ]
    return page(
        title="Make a key",
        groups=groups,
        action="/account/keys/new",
        submit="Make the key",
        errors=problems(errors, labels_of(groups)),
        status=422 if errors else 200,
    )


@pages.post("/keys/<int:key>/revoke")
def revoke_key(key: int) -> Answer:
    api_keys.revoke(key, actor=_here())
    flash("The key is revoked and no longer works.", "success")
    return redirect("/account/keys", 303)


def _profile_group(errors: dict[str, str]) -> dict[str, Any]:
    own = members.own_values(shell.locale(), actor=_here())
    return {
        "title": "Profile",
        "hint": "Your colleagues see this.",
        "fields": [
            field(
                name,
                label,
                value=own[name],
                errors=errors,
                required=name == "name",
                autocomplete=auto,
                kind="phone" if name == "phone" else "text",
            )
            for name, label, auto in (
                ("name", "Name", "name"),
                ("phone", "Phone", "tel"),
                ("job_title", "Job title", "organization-title"),
                ("license", "License number", "off"),
            )
        ],
    }


def _look_fields() -> list[dict[str, Any]]:
    me = _me_facts()
    zones = [("", "As the workspace"), *((name, name.replace("_", " ")) for name in _zones())]
    return [
        field("theme", "Theme", kind="choice", value=me.theme, choices=_THEMES, required=True),
        field("density", "Lists", kind="choice", value=me.density, choices=_DENSITIES, required=True),
        field("zone", "Time zone", kind="choice", value=me.zone, choices=zones, required=True),
        field("shortcuts", "Single-key shortcuts, such as “?” for help", kind="boolean", value=me.shortcuts),
    ]


def _key_fields(actor: Actor, errors: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[tuple[str, list[tuple[str, str] | None]]] = [
        ("All records", [(f"*:{a}", f"All records: {a}") for a in permissions.ACTIONS])
    ]
    for name in permissions.subjects():
        label = label_of(name)
        rows.append((label, [_scope(actor, name, action, label) for action in permissions.ACTIONS]))
    rows = [(label, cells) for label, cells in rows if any(cells)]
    return [
        field("name", "Name", value="", errors=errors, required=True, hint="Such as the program that will use it"),
        field(
            "days",
            "Ends after (days)",
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
            "May do",
            kind="multichoice",
            value=set(),
            grid={"heads": ["Records", *(a.capitalize() for a in permissions.ACTIONS)], "rows": rows},
            errors=errors,
            required=True,
            wide=True,
        ),
    ]


def _scope(actor: Actor, name: str, action: str, label: str) -> tuple[str, str] | None:
    return (f"{name}:{action}", f"{label}: {action}") if permissions.reach(actor, action, name) else None


@cache
def _zones() -> list[str]:
    parts = ("America/", "Europe/", "Asia/", "Africa/", "Australia/", "Pacific/", "Atlantic/", "Indian/")
    return ["UTC", *sorted(name for name in available_timezones() if name.startswith(parts))]


def _device(agent: str | None) -> str:
    """Browser and system in two words; the whole text helps nobody."""
    text = agent or ""
    browser = next(
        (
            label
            for mark, label in (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
            if mark in text
        ),
        "Browser",
    )
    marks = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    system = next((label for mark, label in marks if mark in text), "unknown system")
    return f"{browser} on {system}"


def _day(moment: Any) -> str:
    return f"{moment.astimezone(shell.locale().zone):%d %b %Y}" if moment else ""


def _here() -> Actor:
    """The person in their workspace; these pages are not there without one."""
    found: Actor | None = g.actor
    if found is None:
        raise NotFound()
    return found


def _known() -> sessions.Known:
    found: Any = session
    known: sessions.Known = found.known
    return known


def _me() -> Actor:
    found = person()
    if found is None:
        raise NotFound()
    return g.actor or found


def _me_facts() -> sessions.Facts:
    found: sessions.Facts = g.user_facts
    return found
