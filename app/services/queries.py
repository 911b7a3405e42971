"""Reads lists of records: search, filters, sort, keyset pages, capped counts, options for pickers, and streams for
export.

Rows come as tuples of columns, never as objects: that is what keeps a page fast. Every query passes
`permissions.restrict` and the workspace wall. Does not belong here: writing (`app.services.records`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import orm

from app import permissions
from app.errors import Invalid
from app.services import asked, filters, kept, search_index, values
from app.services.filters import Filter
from models import registry
from models.base import session
from models.fields import Field, Kind
from models.scope import Actor

COUNT_CAP = search_index.CAP
MAX_LIMIT = 200
_SORTABLE = frozenset(Kind) - {Kind.LONG_TEXT, Kind.JSON}
_PLUMBING = frozenset({"deleted_at", "name_key"})
_JSON = values.Locale()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list shows. `sort` is a field name, with "-" for descending; `search` names the searched fields.

    A relation column gives the related title, or with `raw` its id. `hits` is what `searched` found.
    """

    model: type[Any]
    columns: tuple[str, ...]
    search: tuple[str, ...] = ()
    q: str = ""
    filters: tuple[Filter, ...] = ()
    sort: str = "-id"
    cursor: str = ""
    limit: int = 50
    action: str = "read"
    raw: bool = False
    hits: search_index.Hits | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows (id, *columns) in order, with the cursors of the neighbouring pages or None. `count` is as of `count`, if
    asked for.
    """

    rows: list[Any]
    next: str | None
    previous: str | None
    count: tuple[int, bool] = (0, True)


def searched(query: ListQuery, actor: Actor) -> ListQuery:
    """The query after its search, which page and count then share; needs no call where only one of them is wanted."""
    if query.hits is not None or not query.q.strip():
        return query
    return replace(query, hits=search_index.look_up(query.model, query.search, query.q, actor=actor))


def page(query: ListQuery, *, actor: Actor, counted: bool = False, exact: bool = False) -> Page:
    """One page, in one statement, and one more for a search; with `counted` the number of matches comes along."""
    query = searched(query, actor)
    name, down = _sort(query)
    backwards, value, key = _read_cursor(query, name)
    known = _count_unasked(query, actor, exact) if counted else (0, True)
    wanted = _asked(query)
    statement = _page(query, actor, known is None, exact, (name, down ^ backwards, value is None), wanted)
    bound = wanted.values | ({"cursor_value": value, "cursor_id": key} if query.cursor else {})
    rows = list(session.execute(statement, bound))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    if backwards:
        rows.reverse()
    further, before = (bool(query.cursor), more) if backwards else (more, bool(query.cursor))
    width, at = 1 + len(query.columns), _place(query, name)
    return Page(
        rows if rows and len(rows[0]) == width else [row[:width] for row in rows],
        _write_cursor(query, name, rows[-1], rows[-1][at], False) if further and rows else None,
        _write_cursor(query, name, rows[0], rows[0][at], True) if before and rows else None,
        known
        or (
            _capped(rows[0][-1], exact)
            if rows
            else count(query, actor=actor, exact=exact)
            if query.cursor
            else (0, True)
        ),
    )


def _page(
    query: ListQuery, actor: Actor, counted: bool, exact: bool, order: tuple[str, bool, bool], wanted: asked.Asked
) -> Any:
    """The statement of a page, kept: nothing that was typed is in it. `order` is field, descending, NULL at the
    cursor.
    """

    def build() -> Any:
        name, down, at_null = order
        found = _ordered(_base(query, actor, with_sort=name), query.model, name, down)
        if query.cursor:
            found = found.where(_beyond(query.model, name, down, at_null))
        if counted:
            found = found.add_columns(_counting(query, actor, exact).scalar_subquery())
        return found.limit(query.limit + 1)

    plan = (
        query.model,
        query.columns,
        query.raw,
        query.action,
        query.limit,
        bool(query.cursor),
        wanted.shape,
        filters.on_postgresql(),
    )
    targets = [
        registry.entity(f.target) for n, f in registry.fields(query.model).items() if n in query.columns and f.target
    ]
    seen = (kept.sight(actor, (query.model, *targets)), kept.sight(actor, (query.model,), query.action))
    return kept.statement(("page", plan, counted, exact, order, seen), build)


def _place(query: ListQuery, sort: str) -> int:
    """Where a row holds the value that it is sorted by: among what is shown, or after it."""
    if sort == "id":
        return 0
    return 1 + (query.columns.index(sort) if sort in query.columns else len(query.columns))


def count(query: ListQuery, *, actor: Actor, exact: bool = False) -> tuple[int, bool]:
    """How many records match, and whether that is exact. Stops after `COUNT_CAP` unless `exact`."""
    query = searched(query, actor)
    return _count_unasked(query, actor, exact) or _capped(
        session.scalar(_counting(query, actor, exact), _asked(query).values) or 0, exact
    )


def _count_unasked(query: ListQuery, actor: Actor, exact: bool) -> tuple[int, bool] | None:
    """The count that a search knows already, if nothing else narrows it."""
    hits = query.hits
    if hits is None or query.filters:
        return None
    if hits.common and not exact:
        narrow = permissions.criterion(query.model, actor, query.action) is not None
        return (COUNT_CAP, False) if not narrow or (hits.sure and query.action == "read") else None
    return (len(hits.ids), True) if hits.sure and hits.ids is not None and query.action == "read" else None


def _counting(query: ListQuery, actor: Actor, exact: bool) -> Any:
    found = _where(sa.select(sa.literal(1)).select_from(query.model), query, actor)
    return sa.select(sa.func.count()).select_from((found if exact else found.limit(COUNT_CAP + 1)).subquery())


def _capped(number: int, exact: bool) -> tuple[int, bool]:
    return (number, True) if exact or number <= COUNT_CAP else (COUNT_CAP, False)


def ids(query: ListQuery, *, actor: Actor, limit: int | None = None) -> list[int]:
    """The ids of all matching records, for bulk actions."""
    query = searched(query, actor)
    statement = _where(sa.select(query.model.id), query, actor).order_by(query.model.id).limit(limit)
    return list(session.scalars(statement, _asked(query).values))


def stream(query: ListQuery, *, actor: Actor, chunk: int = 2000) -> Iterator[list[Any]]:
    """Chunks of rows in list order with flat memory; each chunk is a statement of its own, so no cursor stays open."""
    cursor: str | None = ""
    while cursor is not None:
        found = page(replace(query, cursor=cursor, limit=chunk), actor=actor)
        if found.rows:
            yield found.rows
        cursor = found.next


def options(
    model: type[Any], q: str, *, actor: Actor, search: tuple[str, ...] = (), limit: int = 8, extra: str | None = None
) -> tuple[list[Any], bool]:
    """Choices for a picker: rows (id, title, extra) that start with or contain `q`, and whether there are more."""
    title = registry.title_of(model)
    columns = (title, extra) if extra else (title,)
    query = ListQuery(
        model, columns, search or (title,), q, sort=title if q and _sortable(model, title) else "-id", limit=limit
    )
    found = page(query, actor=actor)
    return found.rows, found.next is not None


@registry.per_model
def sortable(model: Any) -> tuple[str, ...]:
    """Fields a list can be sorted by."""
    return (
        "id",
        *(
            n
            for n, f in registry.fields(model).items()
            if f.kind in _SORTABLE - {Kind.RELATION} and not f.secret and n not in _PLUMBING
        ),
    )


def _sortable(model: type[Any], name: str) -> bool:
    return name in sortable(model)


def _base(query: ListQuery, actor: Actor, *, with_sort: str) -> Any:
    return _where(_picked(query, actor, with_sort), query, actor)


def _picked(query: ListQuery, actor: Actor, with_sort: str) -> Any:
    """The columns with their joins. Kept, as building them is half the work of a query; what they depend on is in the
    key.
    """
    model, fields = query.model, registry.fields(query.model)
    unknown = next((name for name in query.columns if name not in fields), None)
    if unknown is not None:
        raise Invalid({unknown: f"There is no column “{unknown[:60]}”."})
    related = (
        () if query.raw else tuple(n for n in query.columns if fields[n].kind is Kind.RELATION and fields[n].target)
    )
    targets = [registry.entity(fields[n].target or "") for n in related]
    key = ("list", model, query.columns, with_sort, related, kept.sight(actor, targets))
    return kept.part(key, lambda: _joined(query, related, actor, with_sort))


def _joined(query: ListQuery, related: tuple[str, ...], actor: Actor, with_sort: str) -> Any:
    model, fields = query.model, registry.fields(query.model)
    picked, joins = [model.id], []
    for name in query.columns:
        if name in related:
            target = registry.entity(fields[name].target or "")
            other = orm.aliased(target, flat=True)
            joins.append((other, _visible(other, getattr(model, name), target, actor)))
            picked.append(getattr(other, registry.title_of(target)))
        else:
            picked.append(getattr(model, name))
    if with_sort != "id" and with_sort not in query.columns:
        picked.append(getattr(model, with_sort))
    statement = sa.select(*picked)
    for other, on in joins:
        statement = statement.outerjoin(other, on)
    return statement


def _visible(other: Any, key: Any, target: type[Any], actor: Actor) -> Any:
    """Joins a related record only as far as the viewer may read it: a name is data too."""
    if permissions.reach(actor, "read", registry.permission_entity(target)) is None:
        return sa.false()
    reachable = permissions.criterion(target, actor, of=other)
    return other.id == key if reachable is None else sa.and_(other.id == key, reachable)


def _where(statement: Any, query: ListQuery, actor: Actor) -> Any:
    statement = permissions.restrict(statement, query.model, actor)
    if query.action != "read":
        statement = permissions.restrict(statement, query.model, actor, query.action)
    return statement.where(*_asked(query).conditions())


def _asked(query: ListQuery) -> asked.Asked:
    return asked.of(query.model, query.filters, query.search, query.q, query.hits)


def _sort(query: ListQuery) -> tuple[str, bool]:
    name, down = query.sort.removeprefix("-"), query.sort.startswith("-")
    if not _sortable(query.model, name):
        raise Invalid({"sort": f"This list cannot be sorted by “{name[:60]}”."})
    return name, down


def _ordered(statement: Any, model: type[Any], name: str, down: bool) -> Any:
    column = getattr(model, name)
    order = (column, model.id) if name != "id" else (model.id,)
    return statement.order_by(*(c.desc() if down else c.asc() for c in order))


def _beyond(model: type[Any], name: str, down: bool, at_null: bool) -> Any:
    """What comes after the cursor in the order of `_ordered`. NULL is the smallest in SQLite and the largest in
    PostgreSQL.
    """
    column, id_ = getattr(model, name), model.id
    value, key = sa.bindparam("cursor_value", type_=column.type), sa.bindparam("cursor_id", type_=id_.type)
    if name == "id":
        return id_ < key if down else id_ > key
    later_id = id_ < key if down else id_ > key
    if not sa.inspect(model).columns[name].nullable:
        here, there = sa.tuple_(column, id_), sa.tuple_(value, key)
        return here < there if down else here > there
    nulls_last = down == (session.get_bind().dialect.name == "sqlite")
    if at_null:
        same = sa.and_(column.is_(None), later_id)
        return same if nulls_last else sa.or_(same, column.is_not(None))
    after = sa.or_(column < value if down else column > value, sa.and_(column == value, later_id))
    return sa.or_(after, column.is_(None)) if nulls_last else after


def _write_cursor(query: ListQuery, name: str, row: Any, value: Any, backwards: bool) -> str:
    field = registry.fields(query.model).get(name, Field(Kind.NUMBER))
    position = [int(backwards), values.to_json(field, value), row[0], query.sort]
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def _read_cursor(query: ListQuery, name: str) -> tuple[bool, Any, int]:
    if not query.cursor:
        return False, None, 0
    try:
        text = query.cursor.encode("ascii")
        backwards, value, key, sort = orjson.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        if sort != query.sort or type(key) is not int or abs(key) > 2**62:
            raise ValueError
        field = registry.fields(query.model).get(name, Field(Kind.NUMBER))
        clean = value if name == "id" else values.from_json(field, value, _JSON)
    except (ValueError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise Invalid(
            {"cursor": "This page marker does not fit the list any more. Start again from the first page."}
        ) from None
    return bool(backwards), clean, key
