"""Quick search inside a workspace: which records hold the words, through the indexes of `models.base.searched`.

First the ids alone, at most `CAP`: so few are the whole answer and the list is kept to them. More mean a common word,
and then walking the sorted index finds a page at once. Words are parameters of statements that are kept. Numbers and
reasons: docs/decisions/001. Does not belong here: lists (`queries`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from app.services import filters, kept, parts, schema
from models import registry
from models.base import session
from models.custom import CustomValue
from models.fields import Kind
from models.scope import Actor

CAP = 1000
# So many records that walking them all in order finds a page of them at once.
_MANY = 200
_MOST_WORDS = 6
_FOUND = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE})
# A trigram index has nothing on shorter words.
_SHORTEST = 3
# All that occurs in a phone as it is kept (`models.normal.phone`).
_DIALLED = frozenset("+0123456789;ext=")
# The signs beyond ASCII that are an ASCII letter in lower case: the dotted capital I and the Kelvin sign.
_ODD = {"i": "\u0130", "k": "\u212a"}


@dataclass(frozen=True, slots=True)
class Hits:
    """`ids` of all records that may match, or None where they were not looked up; `common` when there are more than
    `CAP`. `exact` where the ids are those that match, no more and no less; `sure` where the viewer may read them all.
    `of` is the filter that was looked up (`value_index`), None for what was typed into the search.
    """

    ids: tuple[int, ...] | None
    common: bool = False
    sure: bool = False
    exact: bool = False
    of: filters.Filter | None = None


# For each word: the fields it is looked for in, whether LIKE must not understand some sign of it, what `_letters` says
# of it, and the ids of the fields that the workspace added and has found by search.
Words = tuple[tuple[tuple[str, ...], bool, str | None, tuple[int, ...]], ...]


def look_up(model: type[Any], names: tuple[str, ...], q: str, *, actor: Actor) -> Hits:
    """The records of the current workspace that may match `q`; every one that does and is within reach is among
    them.
    """
    if not set(names) <= indexed(model):
        return Hits(None)
    if filters.on_postgresql():
        return _by_trigrams(model, names, _words(q))
    words, bound = parameters(model, names, q)
    key = ("scan", model, words, kept.sight(actor, (model,)))
    statement = kept.statement(key, lambda: _scan(model, words, actor))
    number, ids = session.execute(statement, bound | parts.here(), execution_options=parts.WHY).one()
    return Hits(None, True, True) if number > CAP else Hits(tuple(orjson.loads(ids)), False, True, True)


def beginning(model: type[Any], title: str, q: str, *, actor: Actor) -> Sequence[int] | None:
    """The ids of records that may have a title which begins with `q`, or None where they are so many that a walk finds
    the first at once, or where no index says so.
    """
    pattern = f"{filters.escaped(q)}%"
    if not filters.on_postgresql():
        key = ("begins", model, title, kept.sight(actor, (model,)))
        statement = kept.statement(key, lambda: _beginning(model, title, actor))
        found = session.scalars(statement, {"begins": pattern} | parts.here(), execution_options=parts.WHY).all()
    elif len(q) >= _SHORTEST:
        found = session.scalars(sa.select(sa.func.search_ids(model.__tablename__, pattern, _MANY + 1))).all()
    else:
        return None
    return None if len(found) > _MANY else found


def _beginning(model: type[Any], title: str, actor: Actor) -> Any:
    c = parts.columns(model)
    mine = parts.walled(sa.select(c.id), model, actor)
    return mine.where(filters.like(c[title], sa.bindparam("begins"))).limit(parts.number(_MANY + 1))


def _scan(model: type[Any], words: Words, actor: Actor) -> Any:
    """Reads the covering index of SQLite; the ids come as one JSON text, as a thousand rows would cost more than it."""
    c = parts.columns(model)
    mine = parts.walled(sa.select(c.id), model, actor)
    found = mine.where(matches(c, words)).limit(parts.number(CAP + 1)).subquery()
    return sa.select(sa.func.count(), sa.func.json_group_array(found.c.id)).select_from(found)


def parameters(model: type[Any], names: tuple[str, ...], q: str) -> tuple[Words, dict[str, str]]:
    """What `matches` of `q` is made of, and the values of its parameters."""
    texts, more = _words(q), _added(model)
    words = [_patterns(model, names, word) for word in texts]
    shape = tuple(
        (tuple(name for _, name in w), any("\\" in pattern for pattern, _ in w), _letters(word), more)
        for word, w in zip(texts, words, strict=True)
    )
    bound = {f"p{i}_{j}": pattern for i, word in enumerate(words) for j, (pattern, _) in enumerate(word)}
    return shape, bound | ({f"a{i}": f"%{filters.escaped(word)}%" for i, word in enumerate(texts)} if more else {})


def matches(row: Any, words: Words) -> Any:
    """The condition on a model, or the columns of its table: every word occurs in one of the named fields; digits also
    match a phone however it was typed.
    """
    found = []
    for i, (names, escape, letters, added) in enumerate(words):
        some = [_like(getattr(row, n), sa.bindparam(f"p{i}_{j}"), escape, letters) for j, n in enumerate(names)]
        if added:
            some.append(row.id.in_(_of_added(row, added, sa.bindparam(f"a{i}"))))
        found.append(sa.or_(sa.false(), *some))
    return sa.and_(*found)


def _like(column: Any, pattern: Any, escape: bool, letters: str | None) -> Any:
    """As `filters.like`, in half of PostgreSQL's time: that reads a value letter by letter to know its lower case. For
    a word of ASCII, bytes will do, but for values with a sign of `letters`.
    """
    slow = filters.like(column, pattern, escape)
    if letters is None:
        return slow
    odd = [column.like(sa.literal_column(f"'%{sign}%'")) for sign in letters]
    fast = filters.like(sa.collate(column, "C"), pattern, escape)
    return sa.or_(fast, sa.and_(sa.or_(*odd), slow)) if odd else fast


def _letters(word: str) -> str | None:
    """The signs that match a letter of the word and are not ASCII, or None where that is not the question."""
    if not word.isascii() or not filters.on_postgresql():
        return None
    return "".join(sign for letter, sign in _ODD.items() if letter in word.lower())


def _of_added(row: Any, added: tuple[int, ...], pattern: Any) -> Any:
    """The records whose added fields hold a word; over the model behind its wall, over a plain table with its own."""
    if hasattr(row, "__table__"):
        return sa.select(CustomValue.record_id).where(
            CustomValue.field_id.in_(added), filters.like(CustomValue.t, pattern)
        )
    c = CustomValue.__table__.c
    mine = sa.select(c.record_id).where(c.workspace_id == parts.WORKSPACE, c.field_id.in_(added))
    return mine.where(filters.like(c.t, pattern))


def _added(model: type[Any]) -> tuple[int, ...]:
    """The added fields of an entity that are found by search and that the role in force sees."""
    return tuple(
        one.custom for one in schema.added(model).values() if one.custom and one.searchable and one.kind in _FOUND
    )


def among(column: Any) -> Any:
    """`column IN ids`, the parameter "found", however many they are."""
    if filters.on_postgresql():
        return column == sa.func.any(sa.bindparam("found", type_=postgresql.ARRAY(sa.BigInteger)))
    each = sa.func.json_each(sa.bindparam("found", type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(each.c.value))


def as_parameter(ids: Sequence[int]) -> Any:
    """Ids as the parameter of `among`."""
    return list(ids) if filters.on_postgresql() else orjson.dumps(ids).decode()


def _by_trigrams(model: type[Any], names: tuple[str, ...], words: list[str]) -> Hits:
    """Asks for the longest words first, as these are rarest; the first one that is rare enough decides. The function
    looks in all indexed columns.
    """
    common = False
    for word in sorted((w for w in words if len(w) >= _SHORTEST), key=len, reverse=True)[:3]:
        patterns = dict.fromkeys(pattern for pattern, _ in _patterns(model, names, word))
        some = [sa.select(sa.func.search_ids(model.__tablename__, pattern, CAP + 1)) for pattern in patterns]
        if added := _added(model):
            wanted = _of_added(model, added, f"%{filters.escaped(word)}%").limit(CAP + 1)
            some.append(sa.select(wanted.subquery().c.record_id))
        hits = _hits(session.scalars(sa.union(*some)).all() if some else ())
        if not hits.common:
            return replace(hits, exact=len(words) == len(patterns) == 1 and set(names) == indexed(model))
        common = True
    return Hits(None, common=common and len(words) == 1)


def _hits(ids: Sequence[int]) -> Hits:
    return Hits(tuple(ids)) if len(ids) <= CAP else Hits(None, common=True)


def _words(q: str) -> list[str]:
    return [word[:80] for word in q.split()[:_MOST_WORDS]]


def _patterns(model: type[Any], names: tuple[str, ...], word: str) -> list[tuple[str, str]]:
    """LIKE patterns of a word with the field each is for; no phone is read for a word that none can hold."""
    fields = registry.fields(model)
    phones = [name for name in names if fields[name].kind is Kind.PHONE]
    held = names if set(word.lower()) <= _DIALLED else [name for name in names if name not in phones]
    found = [(f"%{filters.escaped(word)}%", name) for name in held]
    digits = re.sub(r"\D", "", word)
    if len(digits) >= 4:
        found += [(f"%{digits}%", name) for name in phones]
    return found


def searched_by(model: type[Any]) -> tuple[str, ...]:
    """The fields that quick search reads, as far as the role in force sees them."""
    return tuple(n for n, one in schema.fields(model).items() if n in indexed(model) and one.kind in _FOUND)


@registry.per_model
def indexed(model: Any) -> frozenset[str]:
    """The columns that quick search has an index over."""
    name = f"ix_{model.__tablename__}_search"
    return next(
        (frozenset(c.name for c in index.columns) for index in model.__table__.indexes if index.name == name),
        frozenset(),
    )
