"""The search that forgives typing errors: candidates that hold a piece of the typed words, then compared one by one.

The pieces are looked for in the fields the role sees, in records the viewer reaches, so that nothing hidden changes
what is found. At most `CANDIDATES` are compared, however large the workspace. Numbers and reasons:
docs/decisions/011. Does not belong here: how near words are (`app.services.close_words`), exact search
(`app.services.search_index`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from app import permissions
from app.services import close_words, filters, kept, parts, schema, search_index
from app.services.close_words import Comparison, Word
from models import registry
from models.base import session
from models.custom import CustomValue
from models.fields import Kind
from models.scope import Actor, Reach, Rule

CANDIDATES = 3000
# Candidates are found by so many of the typed words, the longest: these are rarest.
_MOST_WORDS = 3
_COMPARED = frozenset({Kind.TEXT, Kind.EMAIL, Kind.LONG_TEXT})
_LONGEST_TEXT = 400


def near(model: type[Any], q: str, names: tuple[str, ...], *, actor: Actor, most: int) -> dict[int, tuple[int, int]]:
    """id -> (errors, words beside the title) of the records of the current workspace whose words are near those of
    `q`, the nearest first, at most `most`. `names` are the searched fields; those that the role does not see are left
    out.
    """
    words = close_words.typed(q)
    wanted = sorted({w for w in words if len(w.text) >= 3}, key=lambda w: len(w.text), reverse=True)[:_MOST_WORDS]
    if not wanted or not any(word.errors for word in wanted):
        return {}
    seen = schema.fields(model)
    title = registry.title_of(model)
    searched = tuple(dict.fromkeys(n for n in (title, *names) if n in seen and seen[n].kind in _COMPARED))
    if not searched or title not in searched:
        return {}
    rows = _candidates(model, searched, wanted, actor)
    more = _by_added(model, wanted, actor)
    known = {row[0] for row in rows}
    rows += _texts(model, searched, [key for key in more if key not in known], actor)
    comparison, found = Comparison(words), []
    for key, first, *others in rows:
        texts = [text[:_LONGEST_TEXT] if text else text for text in (*others, *more.get(key, ()))]
        distance = comparison.distance(str(first or "")[:_LONGEST_TEXT], texts)
        if distance is not None:
            found.append((distance, -key))
    return {-key: distance for distance, key in heapq.nsmallest(most, found)}


def _candidates(model: type[Any], names: tuple[str, ...], wanted: Sequence[Word], actor: Actor) -> list[Any]:
    """Rows (id, *names) that hold a piece of every wanted word."""
    reach = permissions.require(actor, "read", registry.permission_entity(model))
    # What a rule reaches is known behind the walls alone: through the function, what it hides would take places.
    if filters.on_postgresql() and set(names) <= search_index.indexed(model) and not isinstance(reach, Rule):
        return _texts(model, names, _by_function(model, names, wanted, reach, actor), actor)
    pieces = [close_words.patterns(word) for word in wanted]
    shape = tuple(len(patterns) for patterns in pieces)
    key = ("near", model, names, shape, filters.on_postgresql(), kept.sight(actor, (model,)))
    statement = kept.statement(key, lambda: _holding(model, names, shape, actor))
    bound = {f"w{i}_{j}": pattern for i, patterns in enumerate(pieces) for j, pattern in enumerate(patterns)}
    return list(session.execute(statement, bound | parts.here(), execution_options=parts.WHY))


def _holding(model: type[Any], names: tuple[str, ...], shape: tuple[int, ...], actor: Actor) -> Any:
    c = parts.columns(model)
    found = parts.walled(sa.select(c.id, *(c[name] for name in names)), model, actor)
    for word, number in enumerate(shape):
        each: list[Any] = [sa.bindparam(f"w{word}_{piece}") for piece in range(number)]
        found = found.where(sa.or_(*(filters.like(c[name], piece, False) for name in names for piece in each)))
    return found.limit(parts.number(CANDIDATES))


def _by_function(
    model: type[Any], names: tuple[str, ...], wanted: Sequence[Word], reach: Reach, actor: Actor
) -> list[int]:
    """PostgreSQL: ids through the trigram indexes, which row security keeps a plain statement from. The function walls
    by workspace and narrows by owner and team; the rows themselves are read behind all walls.

    Words of long pieces go through the indexes. For short ones it is cheaper to read all records that are left.
    """
    owner = team = None
    if reach is not Reach.WORKSPACE:
        owner = actor.membership_id or 0
        team = actor.team_id if reach is Reach.TEAM else None
    rare = [close_words.patterns(word) for word in wanted if close_words.is_rare(word)]
    short = [close_words.spaced(word) for word in wanted if not close_words.is_rare(word)]
    asked = (orjson.dumps(part).decode() for part in (names, rare, short))
    return list(session.scalars(sa.select(sa.func.search_near(model.__tablename__, *asked, owner, team, CANDIDATES))))


def _texts(model: type[Any], names: tuple[str, ...], ids: Sequence[int], actor: Actor) -> list[Any]:
    if not ids:
        return []
    key = ("texts", model, names, filters.on_postgresql(), kept.sight(actor, (model,)))
    statement = kept.statement(key, lambda: _texts_of(model, names, actor))
    bound = {"found": search_index.as_parameter(ids)} | parts.here()
    return list(session.execute(statement, bound, execution_options=parts.WHY))


def _texts_of(model: type[Any], names: tuple[str, ...], actor: Actor) -> Any:
    c = parts.columns(model)
    mine = parts.walled(sa.select(c.id, *(c[name] for name in names)), model, actor)
    return mine.where(search_index.among(c.id))


def _by_added(model: type[Any], wanted: Sequence[Word], actor: Actor) -> dict[int, list[str]]:
    """What the fields that the workspace added hold, of records where it has a piece of one of the wanted words."""
    fields = [
        one.custom for one in schema.added(model).values() if one.custom and one.searchable and one.kind in _COMPARED
    ]
    if not fields:
        return {}
    c, value = parts.columns(model), parts.columns(CustomValue)
    pieces = [pattern for word in wanted for pattern in close_words.patterns(word)]
    mine = parts.walled(sa.select(c.id, value.t), model, actor)
    mine = mine.join(CustomValue.__table__, sa.and_(value.record_id == c.id, value.workspace_id == c.workspace_id))
    mine = mine.where(value.field_id.in_(fields), sa.or_(*(filters.like(value.t, p, False) for p in pieces)))
    found: dict[int, list[str]] = {}
    rows = session.execute(mine.limit(CANDIDATES), parts.here(), execution_options=parts.WHY)
    for key, text in rows:
        found.setdefault(key, []).append(text)
    return found
