"""Search over all records: the palette's JSON and a page that works without script; only what the person may read."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, render_template, request

from app.services import queries
from views import shell
from views.screen import Screen, screens

pages = Blueprint("search", __name__)
_EACH = 5


@pages.get("/search/")
def page() -> str:
    q = request.args.get("q", "").strip()[:200]
    groups = _records(q, 20) if q else []
    return render_template("search.html", title="Search", q=q, groups=groups)


@pages.get("/search/palette")
def palette() -> Response:
    """{groups: [{label, items: [{title, sub, url, icon}]}]}: records first, then pages and actions."""
    q = request.args.get("q", "").strip()[:200]
    groups = _records(q, _EACH) if len(q) > 1 else []
    places = [
        _place(item.label, item.url, item.icon)
        for group in shell.menu(shell.actor())
        for item in group.items
        if q.casefold() in item.label.casefold()
    ]
    new = [
        _place(f"New {s.singular}", s.url(page="new"), "plus")
        for s in screens().values()
        if s.group and s.may_add(shell.actor()) and q.casefold() in f"new {s.singular}"
    ]
    groups += [
        {"label": label, "items": items[:_EACH]} for label, items in (("Go to", places), ("Actions", new)) if items
    ]
    return jsonify(groups=groups)


def _records(q: str, most: int) -> list[dict[str, Any]]:
    found = []
    for spec in screens().values():
        if spec.searchable and spec.can(shell.actor(), "read"):
            rows, more = queries.options(
                spec.model, q, actor=shell.actor(), search=spec.search, limit=most, extra=spec.sub or None
            )
            if rows:
                found.append(
                    {
                        "label": spec.label,
                        "items": [_item(spec, r) for r in rows],
                        "more_url": f"{spec.url()}?{urlencode({'q': q})}" if more else None,
                    }
                )
    return found


def _item(spec: Screen, row: Any) -> dict[str, Any]:
    return {
        "title": str(row[1])[:120],
        "sub": (row[2] or "") if len(row) > 2 else spec.singular.capitalize(),
        "url": spec.url(row[0]),
        "icon": spec.icon,
    }


def _place(title: str, url: str, icon: str) -> dict[str, Any]:
    return {"title": title, "sub": "", "url": url, "icon": icon}
