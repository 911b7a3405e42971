"""One's own account: profile and look, how one signs in, where one is signed in.

These pages also open for somebody who is in no workspace (any more). Does not belong here: keys for programs
(`views.keys`), other people.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, current_app, flash, g, redirect, request, session
from werkzeug.wrappers import Response

from app.errors import Invalid, NotFound
from app.services import accounts, members, sessions
from models import formats, words
from models.scope import Actor
from models.words import N_, _, _n
from views import shell
from views.redirects import back
from views.request_scope import person
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("account", __name__, url_prefix="/account")

Answer = str | Response | tuple[str, int]
_THEMES = (("", N_("As this device")), ("light", N_("Light")), ("dark", N_("Dark")))
_DENSITIES = (("", N_("Comfortable")), ("compact", N_("Compact")))


@pages.route("/", methods=("GET", "POST"))
def profile() -> Answer:
    """Name and facts that colleagues see, and how the console looks."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            actor = _here()
            typed = {name: request.form.get(name, "") for name in members.OWN_FIELDS}
            members.update_own(typed, shell.locale(), actor=actor)
            flash(_("Saved."), "success")
            return redirect("/account/", 303)
        except Invalid as error:
            errors = error.fields
    groups = [_profile_group(errors)] if g.membership else []
    return page(
        "account/profile.html",
        title=_("Account"),
        groups=groups,
        action="/account/",
        errors=problems(errors, labels_of(groups)),
        look=_look_fields(),
        email=_me_facts().email,
        status=422 if errors else 200,
    )


@pages.post("/look")
def look() -> Answer:
    """Theme, density, zone, language, shortcuts; the header's menu sends one of them alone."""
    wanted = {name: request.form[name] for name in ("theme", "density", "zone", "language") if name in request.form}
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
        seen = formats.moment(one.seen_at.astimezone(zone))
        rows.append(
            {
                "cells": [
                    _("{device} (this one)", device=_device(one.user_agent)) if mine else _device(one.user_agent),
                    one.ip or "",
                    seen,
                ],
                "actions": [{"label": _("Sign out"), "url": f"/account/sessions/{one.id[:16]}/end", "post": True}],
            }
        )
    table = {"columns": [_("Browser"), _("Address"), _("Last seen")], "rows": rows, "empty": _("No sessions.")}
    return page(
        "account/sessions.html",
        title=_("Sessions"),
        table=table,
        intro=_("Where you are signed in. Signing out acts at once."),
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
    flash(_("That session is signed out."), "success")
    return redirect("/account/sessions", 303)


@pages.post("/sessions/end")
def end_sessions() -> Answer:
    """End every session but this one."""
    ended = accounts.end_sessions(_me().user_id or 0, but=_known().digest, actor=_me())
    flash(_n("{n} other session is signed out.", "{n} other sessions are signed out.", ended), "success")
    return redirect("/account/sessions", 303)


@pages.get("/security")
def security() -> Answer:
    app_set_up, passkeys = accounts.second_factors(_me().user_id or 0)
    notice: dict[str, Any] = {}
    asked = {
        "required": _(
            "Your workspace asks everybody for a second factor. Add a passkey or set up an authenticator app to go on."
        ),
        "access": _(
            "The workspace that granted you access asks everybody for a second factor. Add a passkey or set up an "
            "authenticator app, then begin under Granted to you."
        ),
    }
    if text := asked.get(request.args.get("why", "")):
        notice = {"notice": {"cls": "warn", "icon": "shield-lock", "text": text}}
    return page(
        "account/security.html",
        title=_("Sign-in"),
        app_set_up=app_set_up,
        passkeys=passkeys,
        email=_me_facts().email,
        **notice,
    )


def _profile_group(errors: dict[str, str]) -> dict[str, Any]:
    own = members.own_values(shell.locale(), actor=_here())
    return {
        "title": _("Profile"),
        "hint": _("Your colleagues see this."),
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
                ("name", _("Name"), "name"),
                ("phone", _("Phone"), "tel"),
                ("job_title", _("Job title"), "organization-title"),
                ("license", _("License number"), "off"),
            )
        ],
    }


def _look_fields() -> list[dict[str, Any]]:
    me = _me_facts()
    zones = [("", _("As the workspace")), *((name, name.replace("_", " ")) for name in _zones())]
    languages = [("", _("As the workspace")), *words.LANGUAGES]
    return [
        field("theme", _("Theme"), kind="choice", value=me.theme, choices=_THEMES, required=True),
        field("density", _("Lists"), kind="choice", value=me.density, choices=_DENSITIES, required=True),
        field("language", _("Language"), kind="choice", value=me.language, choices=languages, required=True),
        field("zone", _("Time zone"), kind="choice", value=me.zone, choices=zones, required=True),
        field("shortcuts", _("Single-key shortcuts, such as “?” for help"), kind="boolean", value=me.shortcuts),
    ]


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
        _("Browser"),
    )
    marks = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    system = next((label for mark, label in marks if mark in text), _("unknown system"))
    return _("{browser} on {system}", browser=browser, system=system)


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
