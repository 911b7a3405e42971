"""Granted access: the workspace's page for granting and revoking it, and everybody's page for using what they were
granted. Services check the rights.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, g, redirect, request, session
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import access_grants, members, roles, values
from models import formats
from models.access import AccessGrant
from models.fields import now
from models.scope import Actor
from models.words import N_, _
from views import shell
from views.freshness import require_fresh
from views.request_scope import has_second_factor, person
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("access", __name__)

Answer = str | Response | tuple[str, int]
_TIMES = {
    15: N_("15 minutes"),
    30: N_("30 minutes"),
    60: N_("1 hour"),
    120: N_("2 hours"),
    240: N_("4 hours"),
    480: N_("8 hours"),
}
_CLOSED = N_(
    "Exports, imports, API keys, members, roles, settings and further access stay closed under "
    "it, and every entry of the history names both people."
)


@pages.get("/settings/access")
def show() -> Answer:
    rows = []
    for one in access_grants.listed(actor=shell.actor()):
        over = one.revoked_at is not None or one.expires_at <= now()
        end = {"label": _("Revoke"), "url": f"/settings/access/{one.id}/revoke", "post": True}
        who = f"{one.grantee} (platform)" if one.operator else one.grantee
        rows.append(
            {"cells": [who, one.as_label, one.purpose, one.granted_by, _state(one)], "actions": [] if over else [end]}
        )
    return page(
        title=_("Granted access"),
        intro=_("Let somebody act as another person or in another role for a while. {closed}", closed=_CLOSED),
        head_actions=[{"label": _("Grant access"), "icon": "plus", "url": "/settings/access/new", "primary": True}],
        table={
            "columns": [_("Who"), _("Acts as"), _("What for"), _("Granted by"), _("Until")],
            "rows": rows,
            "empty": _("Nobody was granted access."),
        },
    )


@pages.route("/settings/access/new", methods=("GET", "POST"))
def new() -> Answer:
    actor = shell.actor()
    access_grants.check(actor)
    require_fresh(actor, "/settings/access/new")
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = access_grants.grant(
                member_id=values.whole(request.form.get("member", "")),
                operator=request.form.get("operator", ""),
                target=request.form.get("target", ""),
                purpose=request.form.get("purpose", ""),
                minutes=values.whole(request.form.get("minutes", "")) or 0,
                actor=actor,
            )
            flash(
                _(
                    "{grantee} may act as {as_label}. They begin under Account, Granted to you.",
                    grantee=made.grantee,
                    as_label=made.as_label,
                ),
                "success",
            )
            return redirect("/settings/access", 303)
        except Invalid as error:
            errors = error.fields
    groups = [{"title": _("Who, as whom, how long"), "hint": _CLOSED, "fields": _fields(actor, errors)}]
    return page(
        title=_("Grant access"),
        groups=groups,
        action="/settings/access/new",
        submit=_("Grant access"),
        errors=problems(errors, labels_of(groups)),
        status=422 if errors else 200,
    )


@pages.post("/settings/access/<int:key>/revoke")
def revoke(key: int) -> Answer:
    one = access_grants.revoke(key, actor=shell.actor())
    flash(_("The access of {grantee} is revoked. Their next page is refused.", grantee=one.grantee), "success")
    return redirect("/settings/access", 303)


@pages.get("/account/access")
def own() -> Answer:
    """What was granted to oneself, in any workspace; opens without one."""
    me = _me()
    rows = [
        {
            "cells": [one.workspace, one.as_label, one.purpose, one.granted_by, _time(one.expires_at)],
            "actions": [{"label": _("Begin"), "url": f"/account/access/{one.id}/start", "post": True}],
        }
        for one in access_grants.mine(me.user_id or 0)
    ]
    return page(
        title=_("Granted to you"),
        intro=_(
            "Access that others granted to you. Begin it when you need it, and end it when you are done. {closed}",
            closed=_CLOSED,
        ),
        table={
            "columns": [_("Workspace"), _("You act as"), _("What for"), _("Granted by"), _("Until")],
            "rows": rows,
            "empty": _("No access was granted to you."),
        },
    )


@pages.post("/account/access/<int:key>/start")
def start(key: int) -> Answer:
    me = _me()
    require_fresh(me, "/account/access")
    if g.acting is not None:
        raise Invalid({"": _("You use granted access already. End it first.")})
    found = access_grants.live(key, me.user_id or 0)
    if found is not None and found.place.workspace.require_mfa and not has_second_factor():
        # Once begun, one's own account is closed, and with it the way to a second factor.
        return redirect("/account/security?why=access", 303)
    access_grants.start(key, me.user_id or 0, actor=me)
    session.renew(me.user_id)  # type: ignore[attr-defined]
    session["acting"] = key
    return redirect("/", 303)


@pages.post("/account/access/end")
def end() -> Answer:
    me = _me()
    if "acting" in session:
        access_grants.end(session.pop("acting"), me.user_id or 0, "by hand", actor=g.actor or me)
        flash(_("You are yourself again."), "success")
    return redirect("/account/access", 303)


def _fields(actor: Actor, errors: dict[str, str]) -> list[dict[str, Any]]:
    people = [one for one in members.listed(actor=actor) if one.user_id != actor.user_id]
    targets = [
        (f"role:{one.id}", _("The role {role}", role=permissions.spoken(one.label))) for one in roles.of_workspace()
    ]
    targets += [
        (f"person:{one.id}", f"{one.name}, {permissions.spoken(one.role)}") for one in members.listed(actor=actor)
    ]
    return [
        field("member", _("Member"), kind="choice", choices=[(str(one.id), one.name) for one in people], errors=errors),
        field(
            "operator", _("Or the e-mail of somebody who supports the platform"), kind="email", errors=errors,
            hint=_("They have no other way to see your records."),
        ),
        field("target", _("Acts as"), kind="choice", choices=targets, errors=errors, required=True),
        field(
            "minutes", _("For"), kind="choice", value="60",
            choices=[(str(n), _TIMES[n]) for n in access_grants.MINUTES], errors=errors, required=True,
        ),
        field("purpose", _("What for"), errors=errors, required=True, wide=True, max=access_grants.MOST_PURPOSE),
    ]  # fmt: skip


def _state(one: AccessGrant) -> str:
    if one.revoked_at is not None:
        return _("revoked {time}", time=_time(one.revoked_at))
    if one.expires_at <= now():
        return _("over since {time}", time=_time(one.expires_at))
    if one.started_at is not None and one.ended_at is None:
        return _("{time}, in use", time=_time(one.expires_at))
    return _time(one.expires_at)


def _time(moment: dt.datetime) -> str:
    zone = ZoneInfo(g.actor.zone if g.actor else "UTC")
    local = moment.astimezone(zone)
    return f"{formats.day_of_month(local)}, {local:%H:%M %Z}"


def _me() -> Actor:
    found = person()
    if found is None:
        raise NotFound()
    return found
