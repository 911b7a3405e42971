"""Members of the workspace: the list, invitations, role and team, leaving. Services check the rights; nobody gives
more than they have.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, flash, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import invitations, members, roles, schema, values
from models import formats
from models.base import session
from models.words import _
from models.workspace import Membership, Team
from views import role_compare, shell, why
from views.freshness import require_fresh
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("members", __name__, url_prefix="/settings")

Answer = str | Response | tuple[str, int]


@pages.get("/members")
def show() -> Answer:
    actor = shell.actor()
    may = permissions.reach(actor, "write", "membership") is not None
    explains = permissions.reach(actor, "read", "role") is not None
    named, teamed = schema.sees(Membership, "email"), schema.sees(Membership, "team_id")
    rows = []
    for one in members.listed(actor=actor):
        acts: list[dict[str, Any]] = [{"label": _("Rights"), "url": why.address(member=one.id)}] if explains else []
        if may:
            acts += [
                {"label": _("Change"), "url": f"/settings/members/{one.id}"},
                {"label": _("Remove"), "url": f"/settings/members/{one.id}/remove", "dialog": True},
            ]
        factor = _("Second factor") if one.second_factor else _("Password only")
        rows.append(
            {
                "cells": [
                    _who(one.name, one.email if named else ""),
                    permissions.spoken(one.role),
                    (one.team or "") if teamed else "",
                    factor,
                ],
                "actions": acts,
            }
        )
    waiting = [
        {
            "cells": [
                one.email,
                one.invited_by,
                _("until {date}", date=formats.date(one.expires_at.astimezone(shell.locale().zone))),
            ],
            "actions": [{"label": _("Take back"), "url": f"/settings/invitations/{one.id}/revoke", "post": True}],
        }
        for one in (invitations.pending() if may else ())
    ]
    add = [{"label": _("Invite"), "icon": "user-plus", "url": "/settings/members/invite", "primary": True}]
    return page(
        "account/members.html",
        title=_("Members"),
        head_actions=add if may else [],
        waiting=waiting,
        table={"columns": [_("Name"), _("Role"), _("Team"), _("Sign-in")], "rows": rows},
    )


@pages.route("/members/invite", methods=("GET", "POST"))
def invite() -> Answer:
    actor = shell.actor()
    permissions.require(actor, "write", "membership")
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            url = f"{current_app.config['PUBLIC_URL']}/auth/invitation/"
            made = invitations.invite(
                request.form.get("email", ""),
                request.form.get("name", ""),
                _number("role_id"),
                _team(),
                actor=actor,
                url=url,
            )
            flash(_("The invitation to {email} is on its way.", email=made.email), "success")
            return redirect("/settings/members", 303)
        except Invalid as error:
            errors = error.fields
        except NotFound:
            errors = {"role_id": _("Choose a role from the list.")}
    fields = [
        field("email", _("E-mail"), kind="email", errors=errors, required=True),
        field("name", _("Name"), errors=errors),
        _role_field(None, errors),
        _team_field(None, errors),
    ]
    groups = [
        {
            "title": _("Invitation"),
            "hint": _("A message with a link goes to this address. The link works once, for 7 days."),
            "fields": fields,
        }
    ]
    return page(
        title=_("Invite somebody"),
        groups=groups,
        action="/settings/members/invite",
        submit=_("Send the invitation"),
        errors=problems(errors, labels_of(groups)),
        status=422 if errors else 200,
    )


@pages.post("/invitations/<int:key>/revoke")
def take_back(key: int) -> Answer:
    invitations.revoke(key, actor=shell.actor())
    flash(_("The invitation is taken back. Its link no longer works."), "success")
    return redirect("/settings/members", 303)


@pages.route("/members/<int:key>", methods=("GET", "POST"))
def change(key: int) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "write", "membership")
    one = _member(key)
    require_fresh(actor, f"/settings/members/{key}")
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            asked = None if request.form.get("confirmed") else _role_change(key, one)
            if asked is not None:
                return asked
            members.change(key, role_id=_number("role_id"), team_id=_team(), actor=actor)
            flash(_("{name} is changed. It acts on their next page.", name=one.name), "success")
            return redirect("/settings/members", 303)
        except Invalid as error:
            errors = error.fields
    groups = [
        {
            "title": one.name,
            "hint": one.email,
            "fields": [_role_field(one.role_id, errors), _team_field(one.team_id, errors)],
        }
    ]
    return page(
        title=_("Change a member"),
        groups=groups,
        action=f"/settings/members/{key}",
        errors=problems(errors, labels_of(groups)),
        status=422 if errors else 200,
    )


@pages.route("/members/<int:key>/remove", methods=("GET", "POST"))
def remove(key: int) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "write", "membership")
    one = _member(key)
    require_fresh(actor, f"/settings/members/{key}/remove")
    errors: list[str] = []
    if request.method == "POST":
        try:
            members.remove(key, actor=actor)
            flash(_("{name} is no longer a member. Sessions and keys ended at once.", name=one.name), "success")
            return redirect("/settings/members", 303)
        except Invalid as error:
            errors = list(error.fields.values())
    text = _(
        "Sessions, API keys and open invitations of this person end at once. Their records and their "
        "name in the history stay."
    )
    shown = render_template(
        "confirm.html",
        title=_("Remove {name}", name=one.name),
        text=text,
        action=f"/settings/members/{key}/remove",
        verb=_("Remove"),
        danger=True,
        cancel_url="/settings/members",
        errors=errors,
    )
    return (shown, 422) if errors else shown


def _role_change(key: int, one: Any) -> str | None:
    """Asks before another role is given, with what it changes; None where the role stays."""
    old, new, found = members.role_change(key, _number("role_id"), actor=shell.actor())
    if old.id == new.id:
        return None
    same = _("They may do the same and see the same fields as before.")
    return render_template(
        "role_change.html",
        title=_("Make {name} {role}", name=one.name, role=permissions.spoken(new.label)),
        text=_("This changes for {name}, on their next page:", name=one.name) if found else same,
        action=f"/settings/members/{key}",
        hidden=[(n, request.form.get(n, "")) for n in ("role_id", "team_id")] + [("confirmed", "1")],
        cancel_url=f"/settings/members/{key}",
        groups=role_compare.groups(found),
        first=_("Now, as {role}", role=permissions.spoken(old.label)),
        second=_("Then, as {role}", role=permissions.spoken(new.label)),
    )


def _who(name: str, email: str) -> Markup:
    return Markup('<b class="fw-medium">{}</b><br><span class="t3 sm">{}</span>').format(name, email)


def _member(key: int) -> Any:
    found = next((one for one in members.listed(actor=shell.actor()) if one.id == key), None)
    if found is None:
        raise NotFound()
    return found


def _role_field(value: int | None, errors: dict[str, str]) -> dict[str, Any]:
    choices = [(str(role.id), permissions.spoken(role.label)) for role in roles.of_workspace()]
    return field(
        "role_id", _("Role"), kind="choice", value=str(value or ""), choices=choices, errors=errors, required=True
    )


def _team_field(value: int | None, errors: dict[str, str]) -> dict[str, Any]:
    choices = [(str(key), name) for key, name in session.execute(sa.select(Team.id, Team.name).order_by(Team.name))]
    return field(
        "team_id", _("Team"), kind="choice", value=str(value or ""), choices=choices, errors=errors, required=False
    )


def _number(name: str) -> int:
    return values.whole(request.form.get(name, "")) or 0


def _team() -> int | None:
    return _number("team_id") or None
