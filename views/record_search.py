"""The records that a search finds, in groups by entity, for the palette and the search page: first those that hold the
words, and where these are few, those close to them. Only what the person may read, by fields their role sees.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from app.services import finding, schema, values
from app.services.finding import Hit
from models.fields import Field, Kind
from models.scope import Actor
from models.words import _
from views import shell
from views.screen import Screen, screens

_SAID = 2
# What a second line does not tell of: what is counted in it, or known by the icon.
_UNSAID = frozenset({Kind.RELATION, Kind.JSON, Kind.LONG_TEXT, Kind.BOOLEAN, Kind.NUMBER, Kind.MULTI})
Group = dict[str, Any]


def groups(q: str, most: int) -> list[Group]:
    """[{label, items, more_url, close}], the group with the best hit first. `close` says that its records do not hold
    the words, but some like them.
    """
    actor = shell.actor()
    if not any(sign.isalnum() for sign in q):
        return []
    specs = [s for s in screens().values() if s.searchable and s.can(actor, "read")]
    found: list[tuple[int, Group]] = []
    held: set[tuple[str, int]] = set()
    for spec in specs:
        how: Any = {"actor": actor, "search": spec.search, "shown": _shown(spec), "most": most}
        hits, more = finding.exact(spec.model, q, **how)
        known = {hit.id for hit in hits}
        further = finding.by_detail(spec.model, q, shell.locale().region, **how)
        hits = [*hits, *(hit for hit in further if hit.id not in known)]
        if hits:
            held |= {(spec.entity, hit.id) for hit in hits}
            more_url = f"{spec.url()}?{urlencode({'q': q})}" if more else None
            found.append((hits[0].rank, _group(spec, str(spec.label), hits, more_url)))
    found.sort(key=lambda one: one[0])
    if finding.is_few(len(held)):
        found += _close(specs, q, most, held, actor)
    return [group for _, group in found]


def _close(specs: list[Screen], q: str, most: int, held: set[tuple[str, int]], actor: Actor) -> list[tuple[int, Group]]:
    found = []
    for spec in specs:
        near = finding.close(spec.model, q, actor=actor, search=spec.search, shown=_shown(spec), most=most)
        hits = [hit for hit in near if (spec.entity, hit.id) not in held]
        if hits:
            found.append(
                (
                    hits[0].errors,
                    _group(
                        spec, _("{label} close to “{words}”", label=spec.label, words=q[:60]), hits, None, close=True
                    ),
                )
            )
    return sorted(found, key=lambda one: one[0])


def _group(spec: Screen, label: str, hits: list[Hit], more_url: str | None, *, close: bool = False) -> Group:
    known, loc = schema.fields(spec.model), shell.locale()
    fields = [known[name] for name in _shown(spec)]
    return {
        "label": label,
        "kind": str(spec.label),
        "close": close,
        "more_url": more_url,
        "items": [item(spec, hit.id, hit.title, _sub(fields, hit, loc)) for hit in hits],
    }


def item(spec: Screen, key: int, title: str, sub: str = "") -> dict[str, Any]:
    """A record as the palette and the search page list it."""
    title = " ".join(title.split())[:120] or _("(no name)")
    return {
        "id": f"{spec.entity}.{key}",
        "title": title,
        "sub": sub or spec.singular.capitalize(),
        "url": spec.url(key),
        "icon": spec.icon,
        "initials": shell.initials(title) if spec.avatars else "",
    }


def _shown(spec: Screen) -> tuple[str, ...]:
    """The first columns beside the title that tell a record from another, as far as the role sees them."""
    known = schema.fields(spec.model)
    plain = [n for n in spec.columns[1:] if n in known and known[n].kind not in _UNSAID and not known[n].secret]
    return tuple(plain[:_SAID])


def _sub(fields: list[Field], hit: Hit, loc: values.Locale) -> str:
    told = [_told(field, value, loc) for field, value in zip(fields, hit.values, strict=True)]
    found = " ".join(hit.found.split())[:80]
    return " · ".join(text for text in dict.fromkeys((found, *told)) if text)[:160]


def _told(field: Field, value: Any, loc: values.Locale) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, dt.datetime):
        return shell.day(value, loc.zone)
    return values.to_text(field, value, loc)
