"""Search over all records: the palette's JSON and a page that works without script; only what the person may read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from app.services import relatives, stars, values
from models.scope import Actor
from models.words import _
from views import commands, record_search, shell
from views.screen import screens

pages = Blueprint("search", __name__)
_EACH, _MOST_RECENT, _MOST_STARRED = 5, 30, 50
Group = dict[str, Any]
Key = tuple[str, int]


@pages.get("/search/")
def page() -> str:
    """Results, or with nothing asked for the starred records and what can be done."""
    q, actor = _asked(), shell.actor()
    groups = record_search.groups(q, 20) if q else _kept(actor, (), _MOST_STARRED)
    more = _commands(q, actor, 20 if q else 200)
    if not q:
        more = [group for group in more if group["what"] != "places"]  # the menu stands beside it
    return render_template("search.html", title=_("Search"), q=q, found=bool(groups), groups=_in_order(groups, more))


@pages.get("/search/palette")
def palette() -> Response:
    """{groups: [{label, items: [{title, sub, url, icon, initials, key, id, starred, fields, does}]}]}, the likeliest
    first. `recent` names the records that this browser opened last, as "contact.12,deal.3".
    """
    q, actor = _asked(), shell.actor()
    if len(q) > 1:
        groups = _starred(record_search.groups(q, _EACH), actor)
    else:
        groups = _kept(actor, _keys(request.args.get("recent", "").split(",")), _EACH)
    return jsonify(groups=_in_order(groups, _commands(q, actor, _EACH)))


def _in_order(records: list[Group], more: list[Group]) -> list[Group]:
    """What is called as was typed, then records that hold the words, then what else is meant by them, and last the
    records that are only close.
    """
    named = [group for group in more if group["named"]]
    held = [group for group in records if not group.get("close")]
    near = [group for group in records if group.get("close")]
    meant = [group for group in more if group["meant"] and not group["named"]]
    rest = [group for group in more if not group["meant"] and not group["named"]]
    return [*named, *held, *meant, *near, *rest]


@pages.get("/search/starred")
def starred() -> Response:
    """{ids}: the records of an entity that this person has starred."""
    entity = request.args.get("entity", "")
    return jsonify(ids=[key for _, key in stars.of(actor=shell.actor(), entity=entity)] if entity in screens() else [])


def _asked() -> str:
    return " ".join(request.args.get("q", "").split())[:200]


def _keys(texts: Iterable[str]) -> tuple[Key, ...]:
    """Records named as "contact.12", those that can be; the first of equals."""
    found: dict[Key, None] = {}
    for text in texts:
        entity, _, number = text.partition(".")
        key = values.whole(number)
        if entity in screens() and key is not None and screens()[entity].stands:
            found[(entity, key)] = None
    return tuple(found)[:_MOST_RECENT]


def _kept(actor: Actor, recent: tuple[Key, ...], most: int) -> list[Group]:
    """The records opened last and those starred, as far as they can be read now; at most two statements."""
    mine = stars.of(actor=actor)
    titles = relatives.titles({*recent, *mine[: most * 4]}, actor=actor)
    found = []
    for label, keys in ((_("Recent"), recent), (_("Starred"), mine)):
        items = [
            record_search.item(screens()[entity], key, titles[entity, key]) | {"starred": (entity, key) in mine}
            for entity, key in keys
            if (entity, key) in titles
        ]
        if items:
            found.append({"label": label, "items": items[:most]})
    return found


def _starred(groups: list[Group], actor: Actor) -> list[Group]:
    mine = {f"{entity}.{key}" for entity, key in stars.of(actor=actor)} if groups else set()
    for item in (item for group in groups for item in group["items"]):
        item["starred"] = item["id"] in mine
    return groups


def _commands(q: str, actor: Actor, most: int) -> list[Group]:
    """Views, places and actions that `q` may mean. `named` where one is called just so, `meant` where one holds the
    words without an error.
    """
    found = []
    for what, label, some in (
        ("views", _("Views"), commands.views_of(actor)),
        ("places", _("Go to"), commands.places(actor)),
        ("actions", _("Actions"), commands.actions(actor)),
    ):
        errors, fitting = commands.matching(some, q)
        items = [one.item() for one in fitting[:most]]
        named = bool(q) and any(one.label.casefold() == q.casefold() for one in fitting[:1])
        if what == "actions" and len(q) > 1:
            items += [one.item() for one in commands.with_words(q, actor)]
        if items:
            meant = bool(fitting) and errors == 0
            found.append({"what": what, "label": label, "items": items, "named": named, "meant": meant})
    return found
