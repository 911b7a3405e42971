"""Saved views by e-mail: whose time has come, and what the letter says.

A letter holds the number of records and the names of the first ones, as the reader may see them now, and the way to the
list; never more of a record. One letter a day and view, by the outbox. Does not belong here: keeping views
(`app.services.saved_views`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import permissions
from app.errors import Invalid, NotFound
from app.services import conditions, filters, messages, queries, saved_views, schema, search_index, values
from app.services.operation import operation
from app.services.queries import ListQuery
from models import registry, scope
from models.base import session
from models.policy import Purpose
from models.scope import Actor, ActorKind
from models.user import User
from models.view import SavedView, ViewSubscription
from models.words import _, grouped
from models.workspace import Membership, Workspace

JOB = "views.send"
HOUR = 7
SHOWN = 20
_SATURDAY, _MONDAY = 5, 0
_WHO = scope.system("Views by e-mail")


def promise_due(moment: dt.datetime) -> int:
    """Promise a letter for each subscription whose morning it is, in the reader's zone: once a day, in all
    workspaces.
    """
    with scope.across_workspaces("whose view is to be sent this morning"):
        found = session.execute(
            sa.select(ViewSubscription, Membership, User.zone, Workspace.zone)
            .join(Membership, sa.and_(Membership.workspace_id == ViewSubscription.workspace_id,
                                      Membership.id == ViewSubscription.membership_id))
            .join(User, User.id == Membership.user_id)
            .join(Workspace, Workspace.id == ViewSubscription.workspace_id)
            .where(Membership.active.is_(True), User.active.is_(True), Workspace.status == "active")
        ).all()  # fmt: skip
        due = []
        for one, member, own_zone, zone in found:
            today = _due_on(one, moment.astimezone(ZoneInfo(own_zone or zone)))
            if today is not None:
                reader = Actor(ActorKind.JOB, member.name, user_id=member.user_id, membership_id=member.id)
                due.append((one.workspace_id, one.id, reader, today))
    for workspace, key, reader, today in due:
        with scope.inside(workspace), operation("view.mail", actor=reader) as op:
            row = session.scalars(sa.select(ViewSubscription).where(ViewSubscription.id == key)).one()
            row.sent_on = today
            args = {"view": row.view_id, "day": today.isoformat()}
            op.promise(
                JOB,
                args,
                purpose=Purpose.SEND_REQUESTED,
                dedupe=f"view:{key}:{today}",
                label=_("Send a view"),
            )
    return len(due)


def _due_on(one: ViewSubscription, local: dt.datetime) -> dt.date | None:
    today = local.date()
    working = today.weekday() == _MONDAY if one.rhythm == "weekly" else today.weekday() < _SATURDAY
    return today if working and local.hour >= HOUR and one.sent_on != today else None


def send(view_id: int, day: str, *, actor: Actor, public_url: str) -> bool:
    """Write the letter of a view to the reader; False where the view is gone, or the reader's right to the list."""
    row = session.scalars(sa.select(SavedView).where(SavedView.id == view_id)).one_or_none()
    member = session.scalars(sa.select(Membership).where(Membership.id == actor.membership_id)).one()
    if row is None:
        return False
    model = registry.entity(row.entity)
    if permissions.reach(actor, "read", registry.permission_entity(model)) is None:
        return False
    try:
        view = saved_views.find(row.entity, view_id, actor=actor)
        subject, text = _letter(row.entity, view, actor)
    except (NotFound, Invalid):
        return False
    here = f"{public_url}/to/{row.entity}"
    text = _(
        "{text}\n\nThe list: {list}\nTo stop these letters: {stop}\n",
        text=text,
        list=f"{here}?view={view_id}",
        stop=f"{here}?page=views",
    )
    messages.write(
        None, subject, text, actor=_WHO, cause="view", cause_id=f"view:{view_id}", occasion=day, recipient=member.email
    )
    return True


def _letter(entity: str, view: schema.View, actor: Actor) -> tuple[str, str]:
    model = registry.entity(entity)
    query = read(model, view.query)
    page = queries.page(query, actor=actor, counted=True)
    number, exact = page.count
    many = grouped(number) + ("" if exact else "+")
    names = [f"- {_plain(str(row[1] or _('(no name)')))[:120]}" for row in page.rows]
    rest = [] if exact and number <= len(names) else [_("- and more")]
    lines = "\n".join([*names, *rest]) if names else _("Nothing is in it today.")
    return f"{_plain(view.name)}: {many}", _(
        "{view} has {many} today.\n\n{lines}", view=_plain(view.name), many=many, lines=lines
    )


def _plain(text: str) -> str:
    """Braces are merge fields in letters; a name that holds them is only a name."""
    return text.replace("{{", "{ {")


def read(model: type[Any], text: str, *, strict: bool = False) -> ListQuery:
    """The list that a view's address asks for, without what makes no sense any more; with `strict` that is `Invalid`,
    where a wider list would do harm."""
    pairs, locale = parse_qsl(text), values.Locale()
    found, where = [], None
    for name, value in pairs:
        try:
            if name == "f":
                found.append(filters.parse(model, value, locale))
            elif name == "w":
                where = conditions.parse(model, value, locale)
        except Invalid:
            if strict:
                raise
            continue
    given = dict(pairs)
    sort = given.get("sort", "-id")
    title = registry.title_of(model)
    return ListQuery(
        model,
        (title,),
        search_index.searched_by(model) or (title,),
        given.get("q", "")[:200],
        tuple(found),
        sort if sort.removeprefix("-") in queries.sortable(model) else "-id",
        limit=SHOWN,
        where=where,
    )
