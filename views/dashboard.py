"""The first page: what is new, what is open, what waits for this person. Every number links to the list behind it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, render_template

from app import permissions
from app.services import figures, values
from models.fields import Field, Kind
from views import shell
from views.jobs import brief
from views.screen import of

pages = Blueprint("dashboard", __name__)
_MONEY = Field(Kind.MONEY)
# The right to write this, label, text, address.
_STEPS = (
    ("import", "Import your contacts", "A CSV or vCard file from Google, Outlook or your old CRM.", "/contacts/import"),
    ("membership", "Invite a colleague", "Everybody gets a role that says what they see.", "/settings/members"),
    (
        "workspace", "Complete the brokerage's profile", "Name, address and colour stand on every public page.",
        "/settings/workspace",
    ),
)  # fmt: skip
_SOURCES = {"form": "Typed in", "import": "Imported", "lead form": "Website", "api": "API", "demo": "Demo data"}


@pages.get("/")
def today() -> str:
    actor, loc = shell.actor(), shell.locale()
    local = dt.datetime.now(loc.zone)
    weeks = figures.new_contacts(actor, loc.zone) if figures.may(actor, "contact") else []
    stages = figures.open_deals(actor) if figures.may(actor, "deal") and figures.may(actor, "stage") else []
    tasks, open_tasks = figures.tasks_due(actor) if figures.may(actor, "task") else ([], 0)
    kpis = [
        *_contact_figures(weeks),
        *(_deal_figures(stages, loc) if figures.may(actor, "deal") else []),
        _task_figure(open_tasks),
    ]
    part = "morning" if local.hour < 12 else "afternoon" if local.hour < 18 else "evening"
    return render_template(
        "dashboard.html",
        title=f"Good {part}, {actor.label.split()[0]}",
        ranges=[],
        scopes=None,
        kpis=kpis,
        leads=_leads(weeks) if any(by for _, by in weeks) else None,
        stages=_stages(stages, loc) if stages else None,
        jobs=brief(),
        counted_at=f"Counted at {local:%H:%M %Z}",
        first_steps=_first_steps(weeks, stages),
        needs={
            "note": f"{len(tasks)} of {open_tasks} tasks" if open_tasks > len(tasks) else "",
            "items": [_need(row, local) for row in tasks],
            "all_url": of("task").home,
        },
    )


def _contact_figures(weeks: list[tuple[dt.date, dict[str, int]]]) -> list[dict[str, Any]]:
    if not weeks:
        return []
    totals = [sum(by.values()) for _, by in weeks]
    change = totals[-1] - totals[-2]
    delta = (
        {
            "text": f"{abs(change)} {'more' if change > 0 else 'fewer'} than last week",
            "cls": "ok" if change > 0 else "",
            "icon": "arrow-up" if change > 0 else "arrow-down",
        }
        if change
        else None
    )
    return [
        {
            "label": "New contacts this week",
            "value": f"{totals[-1]:,}",
            "url": f"/contacts/?f=created_at:after:{weeks[-1][0]}",
            "delta": delta,
            "points": totals,
        }
    ]


def _deal_figures(stages: list[figures.StageFigure], loc: values.Locale) -> list[dict[str, Any]]:
    actor = shell.actor()
    today = dt.datetime.now(loc.zone).date()
    closing = figures.closings(actor)
    soon = f"/deals/?f=expected_close:between:{today}|{today + dt.timedelta(days=30)}&f=closed_on:empty"
    open_ones: list[dict[str, Any]] = [
        {
            "label": "Open pipeline",
            "value": short(sum(s.cents for s in stages), loc),
            "url": "/deals/?f=closed_on:empty",
            "delta": {"text": f"{sum(s.count for s in stages):,} deals", "cls": "", "icon": "briefcase"},
            "points": [],
        }
    ]
    if closing is None:
        return open_ones
    found: dict[str, Any] = {
        "label": "Closings in 30 days",
        "value": f"{closing:,}",
        "url": soon,
        "delta": None,
        "points": [],
    }
    return [*open_ones, found]


def _task_figure(number: int) -> dict[str, Any]:
    return {
        "label": "My open tasks",
        "value": f"{number:,}",
        "url": of("task").home,
        "delta": None,
        "points": [],
    }


def _leads(weeks: list[tuple[dt.date, dict[str, int]]]) -> dict[str, Any]:
    totals: dict[str, int] = {}
    for _, by in weeks:
        for source, number in by.items():
            totals[source] = totals.get(source, 0) + number
    top = sorted(totals, key=lambda s: -totals[s])[:3]
    groups = [(f"{monday.day} {monday:%b}", [by.get(s, 0) for s in top]) for monday, by in weeks]
    series = [_SOURCES.get(s, s.capitalize()) for s in top]
    sentence = (
        f"New contacts a week over eight weeks: {', '.join(f'{label} {sum(values_)}' for label, values_ in groups)}."
    )
    return {
        "title": "New contacts by week",
        "series": series,
        "groups": groups,
        "sentence": sentence,
        "url": "/contacts/",
    }


def _stages(stages: list[figures.StageFigure], loc: values.Locale) -> dict[str, Any]:
    rows = [
        {
            "label": s.name,
            "number": s.count,
            "text": f"{s.count:,} · {short(s.cents, loc)}",
            "url": f"/deals/?f=stage_id:is:{s.id}",
        }
        for s in stages
    ]
    return {"title": "Open deals by stage", "rows": rows, "url": "/deals/", "url_label": "All deals"}


def _need(row: Any, local: dt.datetime) -> dict[str, Any]:
    key, title, due, _, contact = row
    words = None
    if due is not None:
        at = due.astimezone(local.tzinfo)
        late = at < local
        today = at.date() == local.date()
        words = {
            "text": f"late since {at.day} {at:%b}"
            if late and not today
            else f"today {at:%H:%M}"
            if today
            else f"{at.day} {at:%b}",
            "cls": "bad" if late else "warn" if today else "",
            "icon": "alert-triangle" if late else "clock",
        }
    return {"title": title, "url": of("task").url(key), "who": contact or "", "where": "", "due": words}


def _first_steps(
    weeks: list[tuple[dt.date, dict[str, int]]], stages: list[figures.StageFigure]
) -> list[dict[str, Any]]:
    """What this person may do of it, shown until the workspace has contacts or deals of its own."""
    if any(by for _, by in weeks) or any(s.count for s in stages):
        return []
    return [
        {"label": label, "text": text, "url": url, "done": False}
        for entity, label, text, url in _STEPS
        if permissions.reach(shell.actor(), "write", entity) is not None
    ]


def short(cents: int, loc: values.Locale) -> str:
    """An amount for a tile: $102.4M, $5.9M, $820K; below that in full."""
    units = cents / 100
    sign = values.to_text(_MONEY, 0, loc).replace("0.00", "").replace("0", "")
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if units >= size:
            return f"{sign}{units / size:.1f}".removesuffix(".0") + letter
    return values.to_text(_MONEY, cents, loc)
