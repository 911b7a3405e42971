"""How the compliance console names things: kinds of records in words, records by their titles with a link, values as
their own pages show them.

A record that is gone, or that the viewer may not read, keeps its number. Belongs here: words and links. Does not belong
here: what a ledger shows (`views.ledgers`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from app.services import consent, relatives, schema
from models import formats, registry
from models.contact import BASES
from models.fields import Field, Kind
from models.words import N_, _, grouped
from views import shell
from views.screen import screens

Titles = dict[tuple[str, Any], str]
Choices = tuple[tuple[Any, str], ...]
# Kinds that have no screen of their own.
_KINDS = {
    "api_key": N_("API key"), "audit": N_("audit log"), "import_batch": N_("import"), "user": N_("account"),
    "ai_call": N_("AI call"), "saved_view": N_("saved view"), "first_view": N_("first view"), "role": N_("role"),
    "dashboard": N_("dashboard"), "mail_server": N_("mail server"), "sending_domain": N_("sending domain"),
    "tracking_setting": N_("tracking"),
}  # fmt: skip
# Facts that hold the id of a record under the name of its kind.
_HELD = {"membership": "membership", "team": "team", "contact": "contact"}
_FACTS = {"basis": dict(BASES), "topic": dict(consent.TOPICS)}
# Facts that name the record of their row.
_NAMING = ("name", "label", "dashboard", "role", "server", "domain")
Fact = tuple[str, str, str | None]


def kind(entity: str | None) -> str:
    """A kind of record in words: "person" for "membership"."""
    if not entity:
        return ""
    spec = screens().get(entity)
    return spec.singular if spec else _KINDS.get(entity, entity.replace("_", " "))


def kinds() -> Choices:
    """Kinds of records to choose from, by their words."""
    return tuple(sorted(((name, _upper(kind(name))) for name in registry.entities()), key=lambda one: one[1].lower()))


def titles(wanted: Iterable[tuple[str | None, Any]]) -> Titles:
    """Titles of those of the wanted records that the viewer may read; at most one statement."""
    known = {(entity, key) for entity, key in wanted if entity and entity in screens() and isinstance(key, int)}
    return {**relatives.titles(known, actor=shell.actor())} if known else {}


def link(entity: str | None, key: Any, known: Titles, facts: Any = None) -> str | Markup:
    """A record by its title, which leads to it; by its number where there is nothing to lead to. What has no screen is
    called as the `facts` of its row call it.
    """
    if not key:
        return ""
    title = known.get((entity or "", key))
    spec = screens().get(entity or "")
    if spec is None and title is None and isinstance(facts, dict):
        title = next((str(facts[name]) for name in _NAMING if facts.get(name)), None)
    if title is None or spec is None or (not spec.group and spec.entity != "membership"):
        return title[:80] if title else f"#{key}"
    return Markup('<a class="lk" href="{}">{}</a>').format(spec.url(key), title[:80])


def mentioned(facts: Mapping[str, Any] | None, model: Any = None) -> set[tuple[str, int]]:
    """The records that facts speak of."""
    known = schema.known(model) if model is not None else {}
    found = set()
    for name, value in (facts or {}).items():
        target = known[name].target if name in known else _HELD.get(name)
        for key in value if isinstance(value, list) else [value]:
            if target and isinstance(key, int):
                found.add((target, key))
    return found


def facts_of(facts: Mapping[str, Any] | None, named: Titles, model: Any = None) -> list[Fact]:
    """Facts as (label, old or plain value, new value or None): a change is a pair of old and new."""
    known = schema.known(model) if model is not None else {}
    unseen = _unseen(model)
    found: list[Fact] = []
    for name, value in (facts or {}).items():
        if name == "fields" or name in unseen:
            continue
        one = known.get(name)
        label = one.label if one else _upper(name.replace("_", " "))
        if isinstance(value, list) and len(value) == 2 and not isinstance(value[0], (dict, list)):
            found.append((label, _said(name, one, value[0], named), _said(name, one, value[1], named)))
        else:
            found.append((label, _said(name, one, value, named), None))
    return found


def _said(name: str, one: Field | None, value: Any, named: Titles) -> str:
    target = one.target if one else _HELD.get(name)
    if target and isinstance(value, int):
        return named.get((target, value), f"#{value}")
    if one and one.kind not in (Kind.RELATION, Kind.JSON) and not isinstance(value, (list, dict)):
        return schema.told(one, value, shell.locale())
    if name in _FACTS and isinstance(value, str):
        return _FACTS[name].get(value, value)
    return words(value, shell.locale().zone)


def words(value: Any, zone: ZoneInfo) -> str:
    """A value as short text: moments in the viewer's zone, numbers by their names."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dt.datetime):
        local = value.astimezone(zone)
        return f"{formats.date(local)} {local:%H:%M}"
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {number}" if isinstance(number, int) else name.replace("_", " ")
            for name, number in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return grouped(value) if isinstance(value, int) and value > 999_999 else str(value)


def labels(entity: str, names: Iterable[str]) -> str:
    """Fields of an entity by their labels, without their values."""
    model = registry.entities().get(entity)
    known, unseen = schema.known(model) if model else {}, _unseen(model)
    return ", ".join(
        str(known[name].label) if name in known else name.replace("_", " ") for name in names if name not in unseen
    )


def _unseen(model: Any) -> set[str]:
    """The fields that the viewer's role does not see."""
    return set() if model is None else schema.unseen(model)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
