"""One search over records: what holds the words, best first, and what is close to them where little does.

Ranks: a field that is the words, a title that begins with them, a title whose words begin so, anything else that holds
them; within a rank what was active last comes first. Only fields that the role sees are read, ranked by and shown. Does
not belong here: which entities are searched, and drawing (`views.search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.services import asked, close_search, filters, kept, parts, queries, schema, search_index
from app.services.filters import Filter
from app.services.search_index import Hits
from models import normal, registry
from models.base import session
from models.fields import Field, Kind
from models.scope import Actor

WHOLE, BEGINS, WORDS, HOLDS = range(4)
_ACTIVE = "last_activity"
_REACHES = frozenset({Kind.EMAIL, Kind.PHONE})
_FEW = 3
_MOST_WORDS = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found. `values` are those of the fields that were asked to be shown. `found` is what the words
    stand in where that is not the title. `errors` is how far a close one is off.
    """

    id: int
    title: str
    values: tuple[Any, ...]
    found: str = ""
    rank: int = HOLDS
    errors: int = 0


def exact(
    model: type[Any], q: str, *, actor: Actor, search: tuple[str, ...], shown: tuple[str, ...], most: int
) -> tuple[list[Hit], bool]:
    """The first `most` records that hold every word of `q`, best first, and whether there are more."""
    q = " ".join(q.split())
    query = queries.searched(queries.ListQuery(model, (registry.title_of(model),), search, q), actor)
    hits = query.hits or Hits(None)
    if hits.ids is None and _covered(model, query.search):
        rows = _of_many(model, q, query.search, shown, actor, most + 1)
    else:
        rows = _rows(model, q, query.search, shown, hits, actor, most + 1)
    return [_hit(model, row, q, query.search, shown) for row in rows[:most]], len(rows) > most


def close(
    model: type[Any], q: str, *, actor: Actor, search: tuple[str, ...], shown: tuple[str, ...], most: int
) -> list[Hit]:
    """The first `most` records whose words are near those of `q`, the nearest first."""
    off = close_search.near(model, q, search, actor=actor, most=most * 4)
    if not off:
        return []
    seen = _seen(model, search)
    rows = _rows(model, "", seen, shown, Hits(tuple(off)), actor, len(off))
    rows.sort(key=lambda row: off[row[0]])  # stable: of those as near, what was active last comes first
    return [
        Hit(row[0], str(row[1] or ""), tuple(row[2 : 2 + len(shown)]), errors=off[row[0]][0]) for row in rows[:most]
    ]


def by_detail(
    model: type[Any], q: str, region: str, *, actor: Actor, search: tuple[str, ...], shown: tuple[str, ...], most: int
) -> list[Hit]:
    """The records of which a further e-mail address or phone number is what was typed, whole, however it was typed:
    with country code or as it is dialled in the region (ISO 3166). Whoever does not see the main one finds none.
    """
    found: dict[int, str] = {}
    unseen = {registry.fields(model)[name].kind for name in search if not schema.sees(model, name)}
    for child in _details(model.__tablename__):
        title = registry.title_of(child)
        field = schema.fields(child).get(title)
        wanted = None if field is None or field.kind in unseen else _normal(field, q, region)
        if wanted:
            link = getattr(child, registry.parent_link(child))
            named = sa.select(link).where(getattr(child, title) == wanted).order_by(link).limit(most)
            found |= dict.fromkeys(session.scalars(permissions.restrict(named, child, actor)), wanted)
    if not found:
        return []
    rows = _rows(model, "", _seen(model, search), shown, Hits(tuple(found)), actor, most)
    return [Hit(row[0], str(row[1] or ""), tuple(row[2 : 2 + len(shown)]), found[row[0]], WHOLE) for row in rows]


@cache
def _details(entity: str) -> tuple[type[Any], ...]:
    """The entities that keep further e-mail addresses and numbers of a record."""
    return tuple(
        one
        for one in registry.entities().values()
        if one.policy.parent == entity and registry.fields(one)[registry.title_of(one)].kind in _REACHES
    )


def _normal(field: Field, q: str, region: str) -> str | None:
    """What was typed in the form in which such a field is kept; None where it can't be one."""
    if (field.kind is Kind.EMAIL) != ("@" in q):
        return None
    try:
        return normal.email(q) if field.kind is Kind.EMAIL else normal.phone(q, region)
    except ValueError:
        return None


def is_few(number: int) -> bool:
    """Whether so few records hold the words that close ones are worth showing."""
    return number < _FEW


def _covered(model: type[Any], search: tuple[str, ...]) -> bool:
    """Whether an index holds what is searched. Without one all is read anyway: records of which there are few."""
    return bool(search_index.indexed(model)) and set(search) <= search_index.indexed(model)


def _seen(model: type[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if schema.sees(model, name))


def _of_many(
    model: type[Any], q: str, search: tuple[str, ...], shown: tuple[str, ...], actor: Actor, most: int
) -> list[Any]:
    """Of a common word: first the titles that begin with it, then whatever was active last. Both are found by walking
    or by few ids, never by sorting all that match.
    """
    begins = (Filter(registry.title_of(model), "starts", (q,)),)
    ids = search_index.beginning(model, registry.title_of(model), q, actor=actor)
    if ids is None:
        first = _walk(model, "", search, shown, begins, actor, most)
    else:
        first = _rows(model, "", search, shown, Hits(tuple(ids)), actor, most, begins, q) if ids else []
    if len(first) >= most:
        return first
    known = {row[0] for row in first}
    rest = _walk(model, q, search, shown, (), actor, most + len(first))
    return [*first, *(row for row in rest if row[0] not in known)][:most]


def _walk(
    model: type[Any], q: str, search: tuple[str, ...], shown: tuple[str, ...], wanted: tuple[Filter, ...],
    actor: Actor, most: int,
) -> list[Any]:  # fmt: skip
    return _rows(model, q, search, shown, Hits(None), actor, most, wanted)


def _rows(
    model: type[Any], q: str, search: tuple[str, ...], shown: tuple[str, ...], hits: Hits, actor: Actor, most: int,
    wanted: tuple[Filter, ...] = (), ranked_by: str | None = None,
) -> list[Any]:  # fmt: skip
    """Rows (id, title, *shown, *search); by rank and then by activity, or where a common word is walked for, by
    activity alone.
    """
    found = asked.of(model, wanted, None, search, q or "-" * (hits.ids is not None), _known(hits, q))
    by = ranked_by if ranked_by is not None else q
    ranks = bool(by) and (hits.ids is not None or not _covered(model, search))
    words = len(by.split()[:_MOST_WORDS]) if ranks else 0
    active = _ACTIVE if schema.sees(model, _ACTIVE) else "id"
    shape = (model, search, shown, found.shape, ranks, words, active, most, filters.on_postgresql())

    def build() -> Any:
        columns = [getattr(model, n) for n in (registry.title_of(model), *shown, *search)]
        statement = permissions.restrict(sa.select(model.id, *columns), model, actor).where(*found.conditions())
        order = [_rank(model, search, words)] if ranks else []
        return statement.order_by(*order, getattr(model, active).desc(), model.id.desc()).limit(parts.number(most))

    key = ("found", shape, schema.sight(), kept.sight(actor, (model,)))
    return list(session.execute(kept.statement(key, build), found.values | (_bound(by) if ranks else {})))


def _known(hits: Hits, q: str) -> Hits | None:
    """As `asked` takes it: ids that were found for no words of their own are what is wanted, exactly."""
    if hits.ids is None:
        return hits
    return hits if q else Hits(hits.ids, exact=True)


def _rank(model: type[Any], search: tuple[str, ...], words: int) -> Any:
    title = getattr(model, registry.title_of(model))
    whole = [filters.like(getattr(model, name), sa.bindparam("whole")) for name in dict.fromkeys((title.key, *search))]
    each = (
        sa.or_(filters.like(title, sa.bindparam(f"b{i}")), filters.like(title, sa.bindparam(f"s{i}")))
        for i in range(words)
    )
    return sa.case(
        (sa.or_(*whole), WHOLE),
        (filters.like(title, sa.bindparam("begins")), BEGINS),
        (sa.and_(*each), WORDS),
        else_=HOLDS,
    )


def _bound(q: str) -> dict[str, str]:
    whole = filters.escaped(q)
    bound = {"whole": whole, "begins": f"{whole}%"}
    for number, word in enumerate(q.split()[:_MOST_WORDS]):
        text = filters.escaped(word[:80])
        bound |= {f"b{number}": f"{text}%", f"s{number}": f"% {text}%"}
    return bound


def _hit(model: type[Any], row: Sequence[Any], q: str, search: tuple[str, ...], shown: tuple[str, ...]) -> Hit:
    title = str(row[1] or "")
    texts = [str(text or "") for text in row[2 + len(shown) :]]
    return Hit(row[0], title, tuple(row[2 : 2 + len(shown)]), _standing_in(title, texts, q), _rank_of(title, texts, q))


def _rank_of(title: str, texts: Sequence[str], q: str) -> int:
    low, asked_for = title.lower(), q.lower()
    if asked_for in (low, *(text.lower() for text in texts)):
        return WHOLE
    if low.startswith(asked_for):
        return BEGINS
    begun = all(low.startswith(word) or f" {word}" in low for word in asked_for.split())
    return WORDS if begun else HOLDS


def _standing_in(title: str, texts: Sequence[str], q: str) -> str:
    """The field that holds a word which the title lacks."""
    low = title.lower()
    for word in q.lower().split():
        if word not in low:
            return next((text for text in texts if word in text.lower() and text != title), "")
    return ""
