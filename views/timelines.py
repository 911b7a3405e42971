"""The timeline of a record as the page shows it: events by the viewer's day, with their diffs and undo buttons."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import request

from app.services import relatives, schema, timeline, values
from app.services.timeline import Event
from models import formats, registry
from models.fields import Field, Kind
from models.message import Message
from models.words import _, _c, _n
from views import shell
from views.lists import TONES
from views.screen import Screen, of, screens

_ICONS = {
    "note": "note",
    "call": "phone",
    "email": "mail",
    "message": "mail",
    "meeting": "users",
    "viewing": "home",
    "open_house": "building-estate",
    "inquiry": "inbox",
    "text": "message",
    "create": "plus",
    "update": "pencil",
    "delete": "trash",
    "restore": "arrow-back-up",
}
_SHOWN_DIFF = 5
Titles = dict[tuple[str, int], str]


def shown(screen: Screen, record: Any) -> dict[str, Any]:
    actor = shell.actor()
    view = request.args.get("show", "all")
    before = _moment(request.args.get("before"))
    found = timeline.events(record, actor=actor, before=before, talk=view != "changes", changes=view != "talk")
    url = screen.url(record.id)
    noting = screen.entity in ("contact", "deal") and of("note").may_add(actor)
    more = f"{url}?show={view}&before={found[-1].at.isoformat()}".replace("+", "%2B") if len(found) >= 30 else None
    return {
        "filters": [
            {"label": words, "url": f"{url}?show={v}", "current": v == view}
            for v, words in (("all", _("All")), ("talk", _("Talk")), ("changes", _("Changes")))
        ],
        "note_url": screen.url(record.id, "note") if noting else None,
        "note_text": "",
        "note_error": "",
        "days": _days(found, screen),
        "more_url": more,
    }


def history(screen: Screen, record: Any) -> dict[str, Any]:
    found = timeline.events(record, actor=shell.actor(), limit=100, talk=False)
    return {
        "title": _("History"),
        "filters": [],
        "note_url": None,
        "days": _days(found, screen, every=True),
        "more_url": None,
    }


def _days(found: list[Event], screen: Screen, *, every: bool = False) -> list[dict[str, Any]]:
    """Events grouped by the viewer's day."""
    zone, titles = shell.locale().zone, _titles(found)
    today = dt.datetime.now(zone).date()
    grouped: dict[dt.date, list[dict[str, Any]]] = {}
    for event in found:
        grouped.setdefault(event.at.astimezone(zone).date(), []).append(_line(event, screen, every, titles))
    names = {today: _("Today, {day}"), today - dt.timedelta(days=1): _("Yesterday, {day}")}
    return [{"label": names.get(d, "{day}").format(day=_day(d, today)), "items": items} for d, items in grouped.items()]


def _titles(found: list[Event]) -> Titles:
    """Titles of the records that changed relations led and lead to; one statement if there are any."""
    wanted = {
        (target, key)
        for event in found
        if event.entity in registry.entities() and event.kind == "change"
        for name, one in schema.known(registry.entity(event.entity)).items()
        if (target := one.target) and name in event.new
        for key in (event.old.get(name), event.new[name])
        if isinstance(key, int)
    }
    return relatives.titles(wanted, actor=shell.actor()) if wanted else {}


def _day(day: dt.date, today: dt.date) -> str:
    return formats.long_day(day) if day.year == today.year else formats.long_date(day)


def _line(event: Event, screen: Screen, every: bool, titles: Titles) -> dict[str, Any]:
    local = event.at.astimezone(shell.locale().zone)
    line: dict[str, Any] = {
        "id": event.id,
        "who": event.who or _("Somebody"),
        "time": f"{local:%H:%M}",
        "stamp": event.at.isoformat(),
        "icon": _ICONS.get(event.verb or event.kind, "point"),
        "text": "",
        "body": None,
        "diff": None,
        "more": 0,
        "undo_url": None,
        "badge": None,
        "note": "",
        "url": None,
        "more_url": None,
    }
    return line | (_change(event, screen, every, titles) if event.kind == "change" else _talk(event))


def _talk(event: Event) -> dict[str, Any]:
    """What is special about a note, an activity or an e-mail."""
    if event.kind == "note":
        return {"text": _("wrote a note"), "body": event.body, "url": of("note").url(event.id)}
    if event.kind == "activity":
        return {
            "text": _("logged: {title}", title=event.title),
            "body": event.body,
            "url": of("activity").url(event.id),
        }
    if event.kind == "seen":
        icon, words = {
            "open": ("eye", _("opened “{title}”", title=event.title)),
            "click": ("link", _("clicked a link in “{title}”", title=event.title)),
        }.get(event.verb, ("world", _("came back to your website")))
        return {"who": _("They"), "icon": icon, "text": words, "body": event.body}
    state = registry.fields(Message)["state"].words(event.body)
    badge = {"text": state, "cls": TONES.get(event.body or "", ""), "icon": ""}
    return {"text": _("wrote e-mail “{title}”", title=event.title), "badge": badge, "url": of("message").url(event.id)}


def _done(event: Event, thing: str, fields: int) -> str:
    """What somebody did to the record, or to the thing that belongs to it, after their name."""
    if event.verb == "create":
        return _("added {thing}", thing=thing) if thing else _("added this record")
    if event.verb == "delete":
        return _("deleted {thing}", thing=thing) if thing else _c("did", "deleted")
    if event.verb == "restore":
        return _("restored {thing}", thing=thing) if thing else _c("did", "restored")
    if event.undoes:
        if thing:
            return _n(
                "undid a change of {thing} {n} field", "undid a change of {thing} {n} fields", fields, thing=thing
            )
        return _n("undid a change of {n} field", "undid a change of {n} fields", fields)
    if thing:
        return _n("changed {thing} {n} field", "changed {thing} {n} fields", fields, thing=thing)
    return _n("changed {n} field", "changed {n} fields", fields)


def _change(event: Event, screen: Screen, every: bool, titles: Titles) -> dict[str, Any]:
    """What is special about a change: its words, its diff, and the way to take it back."""
    other = screens().get(event.entity)
    thing = "" if event.entity == screen.entity else other.singular if other else registry.spoken(event.entity)
    known = schema.known(registry.entity(event.entity)) if event.entity in registry.entities() else {}
    diff = [
        _diff(known[n], event.old.get(n), v, titles)
        for n, v in event.new.items()
        if n in known and n not in ("deleted_at", "name_key", "last_activity")
    ]
    words = _done(event, thing, len(diff))
    # What nobody can set, nobody can set back.
    settable = event.verb == "delete" or any(n in known and not known[n].readonly for n in event.new)
    undoable = (
        other is not None
        and (other.may_edit(shell.actor()) if event.verb == "update" else other.may_delete(shell.actor()))
        and event.verb in ("update", "delete")
        and settable
    )
    return {
        "text": words,
        "diff": diff if every else diff[:_SHOWN_DIFF],
        "more": 0 if every else max(len(diff) - _SHOWN_DIFF, 0),
        "url": other.url(event.record_id) if thing and other and other.stands and event.verb != "delete" else None,
        "more_url": f"{screen.url(event.record_id)}?tab=history" if event.entity == screen.entity else None,
        "undo_url": f"/changes/{event.id}/undo" if undoable else None,
    }


def _diff(one: Field, old: Any, new: Any, titles: Titles) -> dict[str, Any]:
    loc = shell.locale()
    before, after = (
        _named(one, v, titles) if one.kind is Kind.RELATION and isinstance(v, int) else schema.told(one, v, loc)
        for v in (old, new)
    )
    return {"label": one.label, "old": before[:300], "new": after[:300], "private": one.secret}


def _named(one: Field, key: Any, titles: Titles) -> str:
    """The name of a record; its number where it is gone or out of reach."""
    return titles.get((one.target or "", key), f"#{key}") if key else ""


def _moment(text: str | None) -> dt.datetime | None:
    try:
        found: dt.datetime | None = values.from_text(Field(Kind.MOMENT), text or "", shell.locale())
    except ValueError:
        return None
    return found
