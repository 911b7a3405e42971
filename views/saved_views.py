"""Keeping, sharing, subscribing to and deleting views of a list."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import first_views, roles, saved_views, values
from models import registry
from models.view import AUDIENCES, RHYTHMS
from models.words import _
from views import shell
from views.list_state import State, read_state
from views.screen import Screen, screens
from views.settings_kit import field

Answer = str | Response | tuple[str, int]


def to_list(entity: str) -> Response:
    """Where letters lead: they know the kind of record, not the address of its list."""
    screen = screens().get(entity)
    if screen is None:
        raise NotFound()
    if request.args.get("page") == "views":
        return redirect(screen.url(page="views"))
    view = values.whole(request.args.get("view", ""))
    return redirect(screen.url() + (f"?view={view}" if view else ""))


def show(screen: Screen) -> str:
    """The views of a list that this person has, with what can be done with each."""
    actor = shell.actor()
    permissions.require(actor, "read", registry.permission_entity(screen.model))
    mailed = saved_views.subscriptions(actor=actor)
    words = dict(AUDIENCES)
    return render_template(
        "views.html",
        title=_("Views of {label}", label=screen.label.lower()),
        base_url=screen.url(),
        rhythms=RHYTHMS,
        **_opening(screen),
        rows=[
            {
                "name": one.name,
                "url": f"{screen.url()}?view={one.id}",
                "audience": words[one.audience],
                "rhythm": mailed.get(one.id, ""),
                "mail_url": screen.url(page=f"views/{one.id}/mail"),
                "edit_url": screen.url(page=f"views/save?view={one.id}") if _changes(one, actor) else None,
                "delete_url": screen.url(page=f"views/{one.id}/delete") if _changes(one, actor) else None,
            }
            for one in saved_views.seen(screen.entity, actor=actor)
        ],
    )


def save(screen: Screen) -> Answer:
    """The form that names and shares what is shown, and saving it."""
    actor = shell.actor()
    permissions.require(actor, "read", registry.permission_entity(screen.model))
    if request.method == "GET":
        return _form(screen, read_state(screen, request.args), {})
    state = read_state(screen, MultiDict(parse_qsl(request.form.get("state", ""))))
    own = state.view is not None and _changes(state.view, actor) and not request.form.get("as_new")
    try:
        key = saved_views.save(
            screen.entity,
            request.form.get("name", ""),
            state.kept(),
            request.form.get("audience", ""),
            actor=actor,
            key=state.view.id if own and state.view else None,
        )
    except Invalid as error:
        return _form(screen, state, error.fields), 422
    shell.toast(_("View saved"))
    return redirect(f"{screen.url()}?view={key}", 303)


def delete(screen: Screen, key: int) -> Answer:
    name = saved_views.delete(screen.entity, key, actor=shell.actor())
    shell.toast(_("View “{name}” deleted", name=name))
    return redirect(screen.url(page="views"), 303)


def first(screen: Screen) -> Answer:
    """Set what opens from the menu: for oneself, or with `role` for everybody of a role."""
    actor, choice, role = shell.actor(), request.form.get("view", ""), request.form.get("role", "")
    if role:
        first_views.set_for_role(screen.entity, values.whole(role) or 0, choice, actor=actor)
        shell.toast(_("Set for everybody of this role who has made no choice of their own"))
    else:
        first_views.choose(screen.entity, choice, actor=actor)
        shell.toast(_("{label} in the menu opens so from now on", label=screen.label))
    return redirect(screen.url(page="views"), 303)


def _opening(screen: Screen) -> dict[str, Any]:
    """What opens from the menu, for oneself and, for those who may say so, for each role."""
    actor = shell.actor()
    seen = saved_views.seen(screen.entity, actor=actor)
    every = _("All {label}", label=screen.label.lower())
    usual = _("As usual: {view}", view=screen.views[0][0] if screen.views else every)
    plain = [(first_views.PLAIN, every)]
    shared = [(str(one.id), one.name) for one in seen if one.audience == "workspace"]
    may_set = permissions.reach(actor, "write", "custom_field") is not None
    of_roles = first_views.chosen_for_roles(screen.entity) if may_set else {}
    known = {first_views.NONE, first_views.PLAIN, *(str(one.id) for one in seen)}
    chosen = first_views.chosen(screen.entity, actor=actor)
    return {
        "first_url": screen.url(page="views/first") if actor.grant_id is None else None,
        "first": chosen if chosen in known else first_views.NONE,
        "first_choices": [
            (first_views.NONE, _("As my role has it") if of_roles or not may_set else usual), *plain,
            *((str(one.id), one.name) for one in seen),
        ],
        "role_choices": [(first_views.NONE, usual), *plain, *shared],
        "of_roles": [(r.id, r.label, of_roles.get(r.id, first_views.NONE)) for r in roles.of_workspace()] * may_set,
    }  # fmt: skip


def mail(screen: Screen, key: int) -> Answer:
    """Begin or end having a view sent."""
    rhythm = request.form.get("rhythm", "")
    saved_views.subscribe(screen.entity, key, rhythm, actor=shell.actor())
    shell.toast(_("You get this view by e-mail") if rhythm else _("This view is not sent to you any more"))
    return redirect(screen.url(page="views"), 303)


def _form(screen: Screen, state: State, errors: dict[str, str]) -> str:
    actor, view = shell.actor(), state.view
    own = view is not None and _changes(view, actor)
    fields: list[dict[str, Any]] = [
        field("name", _("Name"), value=view.name if view and own else "", errors=errors, required=True, max=80),
        field("audience", _("Who has it"), kind="choice", choices=_audiences(actor), errors=errors, required=True,
              value=view.audience if view and own else "private"),
    ]  # fmt: skip
    if own:
        fields.append(field("as_new", _("Keep the present one and save this beside it"), kind="boolean", value=False))
    pairs = state.pairs()
    kept = state.url(pairs).partition("?")[2]
    return render_template(
        "confirm.html",
        title=_("Save this view") if not own else _("Save the view {name}", name=view.name) if view else "",
        text=_("Filters, order and columns are kept. Everybody sees in it what their own role allows."),
        action=screen.url(page="views/save"),
        hidden=[("state", kept)],
        fields=fields,
        verb=_("Save view"),
        cancel_url=state.url(pairs),
        errors=[text for name, text in errors.items() if name not in ("name", "audience")],
    )


def _audiences(actor: Any) -> list[tuple[str, str]]:
    allowed = {"private"} | ({"team"} if actor.team_id else set())
    if permissions.reach(actor, "write", "view") is not None:
        allowed.add("workspace")
    return [(key, words) for key, words in AUDIENCES if key in allowed]


def _changes(view: Any, actor: Any) -> bool:
    return saved_views.may_change(view, actor)
