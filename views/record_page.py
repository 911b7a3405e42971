"""The page of one record: facts, timeline, what hangs on it, and its history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from flask import g, render_template, request
from markupsafe import Markup

from app import permissions
from app.errors import NotFound
from app.services import filters, queries, records, relatives, schema, timeline, values
from models import formats, registry
from models.fields import Field, Kind
from models.words import _
from views import campaigns, drafts, incoming_mail, layout, mail, shell, timelines, webhooks, why
from views.list_state import columns_of, shown_columns, sort_of
from views.lists import TONES, rows
from views.screen import Screen, of, screens

Titles = dict[tuple[str, int], str]


def show_record(screen: Screen, key: int) -> str:
    """The overview, or the tab that `?tab=` names."""
    actor = shell.actor()
    record = records.load(screen.model, key, actor=actor)
    tab = request.args.get("tab", "overview")
    titles = _titles(screen, record, tab)
    base = _head(screen, record, tab, titles)
    if tab == webhooks.TAB and screen.entity == "webhook":
        return render_template("record.html", **base, tab=tab, log=webhooks.log(record))
    if tab == "history":
        return render_template("record.html", **base, tab="history", history=timelines.history(screen, record))
    other = screens().get(tab.removeprefix("related-")) if tab.startswith("related-") else None
    if other is not None and other.entity in screen.related and _is_linked(screen, other):
        return render_template("record.html", **base, tab="related", table=_table(record, other))
    if tab != "overview":
        raise NotFound(_("This record has no such tab."))
    related = timeline.related(record, screen.related, actor=actor)
    return render_template(
        "record.html",
        **base,
        tab="overview",
        facts=_facts(screen, record, related, titles),
        related=_related(screen, record, related),
        consent=[],
        timeline=timelines.shown(screen, record),
        **_work(screen, record, related),
    )


def _is_linked(screen: Screen, other: Screen) -> bool:
    """Whether the viewer's role sees what the records of the other screen hang on this one by."""
    return filters.reference(other.model, screen.entity) is not None


def _titles(screen: Screen, record: Any, tab: str) -> Titles:
    """Titles of the records this one refers to; the other tabs show but the badge."""
    known = schema.fields(screen.model)
    names = tuple(known) if tab == "overview" else tuple(n for n in (screen.badge,) if n in known)
    wanted = {(target, key) for n in names if (target := known[n].target) and (key := schema.value(record, n))}
    return relatives.titles(wanted, actor=shell.actor(), starred=record if _may_star(screen) else None)


def _may_star(screen: Screen) -> bool:
    """Stars are a person's own: none for who acts as another, nor on parts of another record."""
    return screen.stands and shell.actor().grant_id is None


def _head(screen: Screen, record: Any, tab: str, titles: Titles) -> dict[str, Any]:
    actor, known = shell.actor(), schema.fields(screen.model)
    title = str(getattr(record, screen.title) or _("(no name)"))
    subtitle = " · ".join(
        filter(
            None,
            (
                str(values.to_text(known[n], getattr(record, n), shell.locale()))
                for n in screen.subtitle
                if n in known and known[n].kind is not Kind.RELATION
            ),
        )
    )
    url = screen.url(record.id)
    tabs = [{"label": _("Overview"), "url": url, "current": tab == "overview"}]
    for name in screen.related:
        other = screens().get(name)
        if other is not None and other.stands and other.can(actor, "read") and _is_linked(screen, other):
            tabs.append({"label": other.label, "url": f"{url}?tab=related-{name}", "current": tab == f"related-{name}"})
    if screen.entity == "webhook":
        tabs.append(webhooks.log_tab(url, tab))
    tabs.append({"label": _("History"), "url": f"{url}?tab=history", "current": tab == "history"})
    return {
        "notice": webhooks.notice(record) if screen.entity == "webhook" else None,
        "key": f"{screen.entity}.{record.id}",
        "star": {"url": screen.url(record.id, "star"), "on": (relatives.STARRED, record.id) in titles}
        if _may_star(screen)
        else None,
        "title": f"{title:.100}",
        "initials": shell.initials(title) if screen.avatars else "",
        "icon_name": screen.icon,
        "badges": _badges(screen, record, titles),
        "subtitle": subtitle,
        "crumbs": [{"label": screen.label, "url": screen.url()}, {"label": f"{title:.60}", "url": None}],
        "position": "",
        "prev_url": None,
        "next_url": None,
        "actions": _actions(screen, record),
        "more": _more(screen, record),
        "tabs": tabs,
    }


def _badges(screen: Screen, record: Any, titles: Titles) -> list[dict[str, Any]]:
    one = schema.fields(screen.model).get(screen.badge)
    value = getattr(record, screen.badge) if one is not None else None
    if one is None or not value:
        return []
    words = titles.get((one.target, value), "") if one.target else one.words(value)
    return [{"text": words, "cls": TONES.get(str(value), ""), "icon": ""}] if words else []


def _public_page(_screen: Screen, page: Any) -> list[dict[str, Any]]:
    """The way to what the public sees of a booking page."""
    if not (page.open and all(schema.sees(type(page), name) for name in ("open", "address"))):
        return []
    url = f"/b/{g.workspace.slug}/{page.address}"
    return [{"label": _("Open the page"), "icon": "external-link", "url": url, "post": False}]


# What the pages of some entities offer beside editing.
_OWN: dict[str, Callable[[Screen, Any], list[dict[str, Any]]]] = {
    "booking_page": _public_page, "campaign": campaigns.actions, "inbound_mail": incoming_mail.actions,
    "webhook": webhooks.actions,
}  # fmt: skip


def _actions(screen: Screen, record: Any) -> list[dict[str, Any]]:
    actor = shell.actor()
    found: list[dict[str, Any]] = mail.actions(record) if screen.entity == "message" else []
    if screen.entity == "stored_file":
        found.append(
            {"label": _("Download"), "icon": "download", "url": screen.url(record.id, "download"), "post": False}
        )
    if screen.entity in _OWN:
        found = _OWN[screen.entity](screen, record)
    if screen.entity == "template" and screen.may_edit(actor):
        url = screen.url(record.id, "design")
        found = [{"label": _("Write in blocks"), "icon": "template", "url": url, "post": False}]
    if screen.entity == "contact":
        if record.phone and schema.sees(screen.model, "phone"):
            found.append({"label": _("Call"), "icon": "phone", "url": f"tel:{record.phone}", "post": False})
        if record.email and schema.sees(screen.model, "email") and of("message").can(actor, "write"):
            found.append({"label": _("E-mail"), "icon": "mail", "url": screen.url(record.id, "email"), "post": False})
    if screen.may_edit(actor):
        found.append(
            {
                "label": _("Edit"),
                "icon": "pencil",
                "url": screen.url(record.id, "edit"),
                "post": False,
                "key": "e",
                "primary": True,
            }
        )
    return found


def _more(screen: Screen, record: Any) -> list[dict[str, Any]]:
    actor = shell.actor()
    found = [
        {
            "label": a.label,
            "icon": a.icon,
            "url": screen.url(record.id, f"do/{a.name}"),
            "post": not a.questions(screen.model, {}),
            "danger": a.danger,
        }
        for a in screen.actions
        if screen.can(actor, a.right) and not a.edits  # the form changes any field of one record
    ]
    if permissions.reach(actor, "read", "role") is not None:
        url = why.address(entity=screen.entity, act="write", record=record.id)
        found.append({"label": _("Who may do what"), "icon": "key", "url": url, "post": False, "danger": False})
    if screen.may_delete(actor):
        found.append(
            {
                "label": _("Delete"),
                "icon": "trash",
                "url": screen.url(record.id, "delete"),
                "post": True,
                "danger": True,
            }
        )
    return found


def _facts(
    screen: Screen, record: Any, related: dict[str, list[timeline.Related]], titles: Titles
) -> list[dict[str, Any]]:
    loc, known = shell.locale(), schema.fields(screen.model)
    sections: list[dict[str, Any]] = []
    shown = layout.sections(screen)
    for section in shown:
        names = (*screen.facts, *section.fields) if section is shown[0] else section.fields
        rows = [
            _fact(known[n], n, record, titles, loc) for n in names if n in known and layout.is_shown(screen, n, record)
        ]
        for child in section.children:
            rows += [
                {"label": known_label(child), "value": _child(child, r), "note": _child_note(child, r)}
                for r in related.get(child, [])
            ]
        if any(r["value"] not in (None, "") for r in rows):
            sections.append({"title": section.title, "link": None, "rows": rows})
    if screen.entity == "webhook":
        rows = [_fact(known[n], n, record, titles, loc) for n in webhooks.FACTS]
        sections.append({"title": _("Sending"), "link": None, "rows": rows})
    for name, link in filters.links(screen.model).items():
        if related.get(name):
            if not sections:
                sections.append({"title": link.label, "link": None, "rows": []})
            told = ", ".join(one.title for one in related[name])
            sections[0]["rows"].append({"label": link.label, "value": told, "note": ""})
    origin = _origin(record, known, loc)
    return [*sections, {"title": _("Origin"), "link": None, "rows": origin}] if origin else sections


def _origin(record: Any, known: Mapping[str, Field], loc: values.Locale) -> list[dict[str, Any]]:
    """How the record came, as far as the viewer's role sees it."""
    rows: list[dict[str, Any]] = []
    if "source" in known:
        ref = f" · {record.source_ref}" if record.source_ref and "source_ref" in known else ""
        rows.append({"label": _("Source"), "value": f"{record.source or 'unknown'}{ref}"})
    by = _("by {who}", who=record.created_by) if record.created_by and "created_by" in known else ""
    if "created_at" in known:
        rows.append({"label": _("Added"), "value": shell.show(known["created_at"], record.created_at, loc), "note": by})
    elif by:
        rows.append({"label": _("Added"), "value": by})
    return rows


def _fact(one: Field, name: str, record: Any, titles: Titles, loc: values.Locale) -> dict[str, Any]:
    value = schema.value(record, name)
    if one.kind is Kind.RELATION:
        title = titles.get((one.target or "", value), "") if value else ""
        return {"label": one.label, "value": _link(of(one.target or ""), value, title) if title else ""}
    if one.kind is Kind.BOOLEAN and not value:
        return {"label": one.label, "value": ""}
    return {"label": one.label, "value": shell.show(one, value, loc)}


def _link(other: Screen, key: int, title: str) -> Markup:
    return Markup('<a class="lk" href="{}">{}</a>').format(other.url(key), title[:120])


def known_label(entity: str) -> str:
    model = registry.entity(entity)
    if hasattr(model, "in_words"):
        return of(entity).singular.capitalize()
    return registry.fields(model)[registry.title_of(model)].label


def _child(entity: str, row: timeline.Related) -> Any:
    model = registry.entity(entity)
    return shell.show(registry.fields(model)[registry.title_of(model)], row.title, shell.locale())


def _child_note(entity: str, row: timeline.Related) -> str:
    label = schema.fields(registry.entity(entity)).get("label")
    return label.words(row.extra).lower() if label else ""


def _related(screen: Screen, record: Any, found: dict[str, list[timeline.Related]]) -> list[dict[str, Any]]:
    groups = []
    for name in screen.related:
        other = screens().get(name)
        if (
            other is None
            or not other.stands
            or name in ("task", "stored_file", "note", "activity", "message")
            or not other.can(shell.actor(), "read")
            or not _is_linked(screen, other)
        ):
            continue
        items = [
            {"icon": other.icon, "title": r.title, "url": other.url(r.id), "badge": None, "note": ""}
            for r in found.get(name, [])
        ]
        link = filters.reference(other.model, screen.entity)
        add = (
            f"{other.url(page='new')}?{link}={record.id}"
            if other.may_add(shell.actor()) and link in registry.writable(other.model)
            else None
        )
        groups.append(
            {
                "title": other.label,
                "items": items,
                "all_url": f"{screen.url(record.id)}?tab=related-{name}" if len(items) >= 5 else None,
                "add_url": add,
            }
        )
    return groups


def _work(screen: Screen, record: Any, found: dict[str, list[timeline.Related]]) -> dict[str, Any]:
    if "task" not in screen.related:
        offered = drafts.offer(screen.entity, record) if screen.entity == "template" else None
        return {"draft": offered, "tasks": None, "files": None}
    actor, today = shell.actor(), dt.datetime.now(shell.locale().zone).date()
    task, stored = of("task"), of("stored_file")
    # Without the field that they hang on the record by, nobody is told what hangs on it.
    tasked, filed = (one.can(actor, "read") and _is_linked(screen, one) for one in (task, stored))
    items = [_task(task, r, today) for r in found.get("task", [])] if tasked else []
    back = screen.url(record.id)
    tasks = {
        "add_url": f"{task.url(page='new')}?{screen.entity}_id={record.id}&back={back}"
        if task.may_add(actor)
        else None,
        "items": items,
    }
    files = None
    if filed:
        files = {
            "upload_url": f"/files/upload?{screen.entity}_id={record.id}" if stored.can(actor, "write") else None,
            "items": [
                {"name": r.title, "url": stored.url(r.id, "download"), "note": ""} for r in found.get("stored_file", [])
            ],
            "hint": _("PDF, pictures, Office or text, at most 25 MB."),
        }
    return {
        "draft": drafts.offer("contact", record) if screen.entity == "contact" else None,
        "tasks": tasks if tasked else None,
        "files": files,
    }


def _task(task: Screen, row: timeline.Related, today: dt.date) -> dict[str, Any]:
    due = None
    if row.at is not None:
        local = row.at.astimezone(shell.locale().zone)
        tone = "bad" if local.date() < today else "warn" if local.date() == today else ""
        due = {
            "text": _("Today") if local.date() == today else formats.day_of_month(local),
            "cls": tone if row.extra != "done" else "",
        }
    done = row.extra == "done"
    done_url = task.url(row.id, f"do/{'reopen' if done else 'complete'}") if task.can(shell.actor(), "write") else None
    return {"title": row.title, "url": task.url(row.id), "done": done, "done_url": done_url, "due": due}


def _table(record: Any, other: Screen) -> dict[str, Any]:
    link = filters.reference(other.model, record.__tablename__) or ""
    query = queries.ListQuery(
        other.model, shown_columns(other), filters=(filters.Filter(link, "is", (record.id,)),), sort=sort_of(other),
        limit=50, whole=True,
    )  # fmt: skip
    page = queries.page(query, actor=shell.actor())
    fields = columns_of(other)
    shown = [(n, fields[n]) for n in other.columns[1:] if n in fields]
    add = (
        {"label": _("New {singular}", singular=other.singular), "url": f"{other.url(page='new')}?{link}={record.id}"}
        if other.may_add(shell.actor())
        else None
    )
    made = [(url, title, cells) for _, url, title, _, cells in rows(other, shown, page.rows)]
    more = other.url() + f"?f={link}:is:{record.id}" if page.next else None
    return {
        "columns": [
            {"label": registry.fields(other.model)[other.title].label},
            *({"label": f.label, "numeric": f.kind in (Kind.MONEY, Kind.NUMBER)} for _, f in shown),
        ],
        "rows": made,
        "add": add,
        "more_url": more,
        "empty": _("No {label} yet.", label=other.label.lower()),
    }
