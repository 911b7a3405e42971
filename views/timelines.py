"""The timeline of a record as the page shows it: events by the viewer's day, with their diffs and undo buttons."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import request

from app.services import records, timeline, values
from app.services.timeline import Event
from models import registry
from models.fields import Field, Kind
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
            for v, words in (("all", "All"), ("talk", "Talk"), ("changes", "Changes"))
        ],
        "note_url": screen.url(record.id, "note") if noting else None,
        "note_text": "",
        "note_error": "",
        "days": days(found, screen),
        "more_url": more,
    }


def history(screen: Screen, record: Any) -> dict[str, Any]:
    found = timeline.events(record, actor=shell.actor(), limit=100, talk=False)
    return {
        "title": "History",
        "filters": [],
        "note_url": None,
        "days": days(found, screen, every=True),
        "more_url": None,
    }


def days(found: list[Event], screen: Screen, *, every: bool = False) -> list[dict[str, Any]]:
    """Events grouped by the viewer's day."""
    zone = shell.locale().zone
    today = dt.datetime.now(zone).date()
    grouped: dict[dt.date, list[dict[str, Any]]] = {}
    for event in found:
        grouped.setdefault(event.at.astimezone(zone).date(), []).append(_line(event, screen, every))
    names = {today: "Today, ", today - dt.timedelta(days=1): "Yesterday, "}
    return [
        {"label": f"{names.get(d, '')}{d.day} {d:%B}{'' if d.year == today.year else f' {d.year}'}", "items": items}
        for d, items in grouped.items()
    ]


def _line(event: Event, screen: Screen, every: bool) -> dict[str, Any]:
    local = event.at.astimezone(shell.locale().zone)
    line: dict[str, Any] = {
        "id": event.id,
        "who": event.who or "Somebody",
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
    return line | (_change(event, screen, every) if event.kind == "change" else _talk(event))


def _talk(event: Event) -> dict[str, Any]:
    """What is special about a note, an activity or an e-mail."""
    words = {"note": "wrote a note", "activity": f"logged: {event.title}", "message": f"e-mail “{event.title}”"}
    if event.kind != "message":
        return {"text": words[event.kind], "body": event.body}
    badge = {"text": event.body, "cls": TONES.get(event.body or "", ""), "icon": ""}
    return {"text": words[event.kind], "badge": badge, "url": of("message").url(event.id)}


def _change(event: Event, screen: Screen, every: bool) -> dict[str, Any]:
    """What is special about a change: its words, its diff, and the way to take it back."""
    other = screens().get(event.entity)
    thing = "" if event.entity == screen.entity else f" {other.singular if other else event.entity.replace('_', ' ')}"
    known = registry.fields(registry.entity(event.entity)) if event.entity in registry.entities() else {}
    diff = [
        _diff(known[n], event.old.get(n), v)
        for n, v in event.new.items()
        if n in known and n not in ("deleted_at", "name_key", "last_activity")
    ]
    words = {
        "create": f"added{thing or ' this record'}",
        "delete": f"deleted{thing}",
        "restore": f"restored{thing}",
    }.get(
        event.verb,
        f"{'undid a change of' if event.undoes else 'changed'}{thing} {len(diff)} field{'s' if len(diff) != 1 else ''}",
    )
    undoable = (
        other is not None
        and (other.may_edit(shell.actor()) if event.verb == "update" else other.may_delete(shell.actor()))
        and event.verb in ("update", "delete")
    )
    return {
        "text": words,
        "diff": diff if every else diff[:_SHOWN_DIFF],
        "more": 0 if every else max(len(diff) - _SHOWN_DIFF, 0),
        "more_url": f"{screen.url(event.record_id)}?tab=history" if event.entity == screen.entity else None,
        "undo_url": f"/changes/{event.id}/undo" if undoable else None,
    }


def _diff(one: Field, old: Any, new: Any) -> dict[str, Any]:
    loc = shell.locale()
    before, after = (
        values.to_text(one, records.revived(one, v), loc) if one.kind is not Kind.RELATION else (f"#{v}" if v else "")
        for v in (old, new)
    )
    return {"label": one.label, "old": before[:300], "new": after[:300], "private": one.secret}


def _moment(text: str | None) -> dt.datetime | None:
    try:
        found: dt.datetime | None = values.from_text(Field(Kind.MOMENT), text or "", shell.locale())
    except ValueError:
        return None
    return found
