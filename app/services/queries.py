"""Reads lists of records: search, filters, sort, keyset pages, capped counts, options for pickers, and streams for
export.

Rows come as tuples of columns, never as objects: that is what keeps a page fast. Every query passes
`permissions.restrict` and the workspace wall. Does not belong here: writing (`app.services.records`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from app import permissions
from app.errors import Invalid
from app.services import (
    asked,
    custom_columns,
    custom_index,
    filters,
    kept,
    paging,
    parts,
    schema,
    search_index,
    value_index,
)
from app.services.conditions import Group
from app.services.filters import Filter
from app.services.paging import Cursor, Order, Part
from models import registry
from models.base import session
from models.fields import Kind
from models.scope import Actor, Rule
from models.words import _

COUNT_CAP = search_index.CAP
# Where each record is read to know if it holds the words, counting to a thousand would take longer than the page.
WALKED_CAP = 200
MAX_LIMIT = 200
_SORTABLE = frozenset(Kind) - {Kind.LONG_TEXT, Kind.JSON, Kind.RELATION, Kind.MULTI}
_PLUMBING = frozenset({"deleted_at", "name_key"})


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list shows. `sort` is a field name, with "-" for descending; `search` names the searched fields.

    A relation column gives the related title, or with `raw` its id. `hits` is what `searched` found. `whole` is for
    short lists without further pages: they come in the order that their model names in `in_order`, if it does.
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
    whole: bool = False
    where: Group | None = None


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
    if query.hits is not None:
        return query
    if not query.q.strip():
        return replace(query, hits=value_index.look_up(query.model, query.filters, query.where, actor=actor))
    seen = schema.fields(query.model)
    query = replace(query, search=tuple(name for name in query.search if name in seen))
    return replace(query, hits=search_index.look_up(query.model, query.search, query.q, actor=actor))


def page(query: ListQuery, *, actor: Actor, counted: bool = False, exact: bool = False) -> Page:
    """One page, in one statement, and one more for a search; with `counted` the number of matches comes along."""
    query = searched(query, actor)
    order = _sort(query)
    cursor = paging.read(query.model, order, query.cursor)
    known = _count_unasked(query, actor, exact) if counted else (0, True)
    rows = _rows(query, actor, order, cursor, (known is None, exact))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    if cursor.backwards:
        rows.reverse()
    further, before = (bool(query.cursor), more) if cursor.backwards else (more, bool(query.cursor))
    following = _cursor(query, order, rows[-1], False) if further and rows else None
    preceding = _cursor(query, order, rows[0], True) if before and rows else None
    if known is None:
        known = _capped(rows[0][-1], query, exact) if rows else _count_of_none(query, actor, exact)
    return Page(_shown(query, rows, actor), following, preceding, known)


def _cursor(query: ListQuery, order: Order, row: Any, backwards: bool) -> str:
    return paging.written(query.model, query.columns, order, row, backwards)


def _shown(query: ListQuery, rows: list[Any], actor: Actor) -> list[Any]:
    """Rows as (id, *columns), without what the statement brought along."""
    _, added = custom_columns.split(query.model, query.columns)
    if added:
        rows = custom_columns.woven(rows, query.columns, added, raw=query.raw, actor=actor)
    width = 1 + len(query.columns)
    return rows if not rows or len(rows[0]) == width else [row[:width] for row in rows]


def _count_of_none(query: ListQuery, actor: Actor, exact: bool) -> tuple[int, bool]:
    """The count where no row brought it along: nothing matches, or the page lies behind the last one."""
    return count(query, actor=actor, exact=exact) if query.cursor else (0, True)


def _rows(query: ListQuery, actor: Actor, order: Order, cursor: Cursor, counted: tuple[bool, bool]) -> list[Any]:
    """The rows of a page as the statement gives them, and one more where there is one. What is sorted by an added
    field comes in two parts: records with a value, then those without, which no index holds.
    """
    if order.added is None:
        return _part(query, actor, order, cursor, counted, cursor.value is None, bool(query.cursor))
    halves = [True, False] if cursor.backwards else [False, True]
    if query.cursor and (cursor.value is None) is halves[1]:
        halves = halves[1:]
    rows: list[Any] = []
    for place, empty in enumerate(halves):
        rows += _part(query, actor, order, cursor, counted, empty, bool(query.cursor) and place == 0)
        if len(rows) > query.limit:
            break
    return rows


def _part(
    query: ListQuery, actor: Actor, order: Order, cursor: Cursor, counted: tuple[bool, bool], empty: bool, onward: bool
) -> list[Any]:
    """Runs a page's statement; `empty` for rows without a value to sort by, `onward` for those behind the cursor."""
    down = order.down ^ cursor.backwards
    last = (not order.down or not filters.on_postgresql()) ^ cursor.backwards
    wanted = _asked(query)
    bound = wanted.values | ({"cursor_value": cursor.value, "cursor_id": cursor.key} if onward else {})
    if order.added is not None:
        bound["sort_field"] = order.added.custom

    def build() -> Any:
        found = _base(query, actor, order)
        found = paging.ordered(found, query.model, order, Part(down, last, empty, onward))
        if query.whole and hasattr(query.model, "in_order") and not schema.is_limited(query.model):
            found = found.order_by(None).order_by(*query.model.in_order())
        if counted[0]:
            found = found.add_columns(_counting(query, actor, counted[1]).scalar_subquery())
        return found.limit(_limit(query, actor))

    columns, added = custom_columns.split(query.model, query.columns)
    shape = (query.model, columns, bool(added), query.raw, wanted.shape)
    plan = (*shape, schema.sight(), query.action, query.limit, query.whole, onward, filters.on_postgresql())
    known = registry.fields(query.model)
    targets = [registry.entity(target) for n in columns if (target := known[n].target)]
    seen = (kept.sight(actor, (query.model, *targets)), kept.sight(actor, (query.model,), query.action))
    sorting = (order.name if order.added is None else order.added.kind, order.added is None, down, last, empty)
    return list(session.execute(kept.statement(("page", plan, counted, _cap(query), sorting, seen), build), bound))


def count(query: ListQuery, *, actor: Actor, exact: bool = False) -> tuple[int, bool]:
    """How many records match, and whether that is exact. Stops after `COUNT_CAP`, or `WALKED_CAP`, unless `exact`."""
    query = searched(query, actor)
    return _count_unasked(query, actor, exact) or _capped(
        session.scalar(_counting(query, actor, exact), _asked(query).values) or 0, query, exact
    )


def _count_unasked(query: ListQuery, actor: Actor, exact: bool) -> tuple[int, bool] | None:
    """The count that a search knows already, if nothing else narrows it."""
    hits = query.hits
    if hits is None or query.where is not None or query.filters != ((hits.of,) if hits.of else ()):
        return None
    if hits.common and not exact:
        narrow = permissions.criterion(query.model, actor, query.action) is not None
        return (COUNT_CAP, False) if not narrow or (hits.sure and query.action == "read") else None
    if not hits.exact or hits.ids is None or query.action != "read":
        return None
    seen = hits.sure or permissions.criterion(query.model, actor) is None
    return (len(hits.ids), True) if seen else None


def _counting(query: ListQuery, actor: Actor, exact: bool) -> Any:
    found = _where(sa.select(sa.literal(1)).select_from(query.model), query, actor)
    if not exact:
        # For a word, PostgreSQL would list all records of the workspace before it looks at the first.
        walked = found.order_by(query.model.id.desc()) if _walks(query) and filters.on_postgresql() else found
        found = walked.limit(parts.number(_cap(query) + 1))
    return sa.select(sa.func.count()).select_from(found.subquery())


def _capped(number: int, query: ListQuery, exact: bool) -> tuple[int, bool]:
    return (number, True) if exact or number <= _cap(query) else (_cap(query), False)


def _cap(query: ListQuery) -> int:
    return WALKED_CAP if _walks(query) and filters.on_postgresql() else COUNT_CAP


def ids(query: ListQuery, *, actor: Actor, limit: int | None = None) -> list[int]:
    """The ids of all matching records, for bulk actions."""
    query = searched(query, actor)
    statement = _where(sa.select(query.model.id), query, actor).order_by(query.model.id).limit(limit)
    return list(session.scalars(statement, _asked(query).values))


def stream(query: ListQuery, *, actor: Actor, chunk: int = 2000) -> Iterator[list[Any]]:
    """Chunks of rows in list order with flat memory; each chunk is a statement of its own, so no cursor stays open."""
    query = searched(query, actor)
    cursor: str | None = ""
    while cursor is not None:
        found = page(replace(query, cursor=cursor, limit=chunk), actor=actor)
        if found.rows:
            yield found.rows
        cursor = found.next


def narrowed(statement: Any, query: ListQuery, *, actor: Actor) -> tuple[Any, dict[str, Any]]:
    """A statement over the model, kept to what the list asks for and the actor may read, with what it is bound to."""
    query = searched(query, actor)
    return _where(statement, query, actor), _asked(query).values


def picked(query: ListQuery, *, actor: Actor) -> Any:
    """The columns of the list, of every record of the model: for a statement that is narrowed otherwise."""
    return _picked(query, actor, Order("id", False))


def woven(query: ListQuery, rows: list[Any], *, actor: Actor) -> list[Any]:
    """Rows of `picked` as (id, *columns, *what the statement added)."""
    _, added = custom_columns.split(query.model, query.columns)
    return custom_columns.woven(rows, query.columns, added, raw=query.raw, actor=actor) if added else rows


def options(
    model: type[Any], q: str, *, actor: Actor, search: tuple[str, ...] = (), limit: int = 8, extra: str | None = None,
    among: tuple[Filter, ...] = (),
) -> tuple[list[Any], bool]:  # fmt: skip
    """Choices for a picker: rows (id, title, extra) that start with or contain `q`, and whether there are more."""
    title = registry.title_of(model)
    columns = (title, extra) if extra and schema.sees(model, extra) else (title,)
    query = ListQuery(
        model, columns, search or (title,), q, among, title if q and _sortable(model, title) else "-id", limit=limit,
        whole=not q,
    )  # fmt: skip
    found = page(query, actor=actor)
    return found.rows, found.next is not None


def alike(model: type[Any], name: str, key: int, *, actor: Actor) -> tuple[Filter, ...]:
    """The filter that keeps to records that share `name` with the record `key`, as stages share their pipeline."""
    if not schema.sees(model, name):
        return ()
    value = session.scalar(permissions.restrict(sa.select(getattr(model, name)).where(model.id == key), model, actor))
    return () if value is None else (Filter(name, "is", (value,)),)


def sortable(model: type[Any]) -> tuple[str, ...]:
    """Fields a list can be sorted by."""
    seen = schema.fields(model)
    if seen is registry.fields(model):
        return _sortable_columns(model)
    more = (n for n, one in schema.added(model).items() if one.kind in _SORTABLE - custom_index.UNINDEXED)
    return (*(n for n in _sortable_columns(model) if n == "id" or n in seen), *more)


@registry.per_model
def _sortable_columns(model: Any) -> tuple[str, ...]:
    return (
        "id",
        *(n for n, f in registry.fields(model).items() if f.kind in _SORTABLE and not f.secret and n not in _PLUMBING),
    )


def _sortable(model: type[Any], name: str) -> bool:
    return name in sortable(model)


def _base(query: ListQuery, actor: Actor, order: Order) -> Any:
    return _where(_picked(query, actor, order), query, actor)


def _picked(query: ListQuery, actor: Actor, order: Order) -> Any:
    """The columns with their joins. Kept, as building them is half the work of a query; what they depend on is in the
    key.
    """
    model, known = query.model, schema.fields(query.model)
    unknown = next((name for name in query.columns if name not in known), None)
    if unknown is not None:
        raise Invalid({unknown: _("There is no column “{name}”.", name=unknown[:60])})
    columns, added = custom_columns.split(model, query.columns)
    related = () if query.raw else tuple(n for n in columns if known[n].kind is Kind.RELATION and known[n].target)
    targets = [registry.entity(known[n].target or "") for n in related]
    more = order.name if order.added is None and order.name not in ("id", *columns) else ""
    custom = bool(added) or order.added is not None
    key = ("list", model, columns, custom, more, related, kept.sight(actor, targets))
    return kept.part(key, lambda: _joined(model, columns, related, actor, custom, more))


def _joined(
    model: type[Any], columns: tuple[str, ...], related: tuple[str, ...], actor: Actor, custom: bool, more: str
) -> Any:
    """Columns in the order of a row: id, columns, the added fields' column, what the list is sorted by."""
    fields = registry.fields(model)
    picked, joins = [model.id], []
    for name in columns:
        if name in related:
            target = registry.entity(fields[name].target or "")
            other = orm.aliased(target, flat=True)
            joins.append((other, visible(other, getattr(model, name), target, actor)))
            picked.append(getattr(other, registry.title_of(target)))
        else:
            picked.append(getattr(model, name))
    picked += [model.custom] if custom else []
    picked += [getattr(model, more)] if more else []
    # From the model, said so: a rule within a join names tables of its own, and the left side would be anybody's guess.
    statement = sa.select(*picked).select_from(model)
    for other, on in joins:
        statement = statement.outerjoin(other, on)
    return statement


def visible(other: Any, key: Any, target: type[Any], actor: Actor) -> Any:
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


def _limit(query: ListQuery, actor: Actor) -> Any:
    """In the text of the statement, so that PostgreSQL plans the page once and not each time. Not with conditions, be
    they of a rule: how to read for these depends on how many rows there are with what was asked for.
    """
    ruled = isinstance(permissions.reach(actor, "read", registry.permission_entity(query.model)), Rule)
    asks = ruled or query.filters or query.where is not None or _walks(query)
    return query.limit + 1 if asks else parts.number(query.limit + 1)


def _walks(query: ListQuery) -> bool:
    """Whether each record is read to know if it holds the words."""
    return bool(query.q.strip()) and (query.hits is None or query.hits.ids is None)


def _asked(query: ListQuery) -> asked.Asked:
    return asked.of(query.model, query.filters, query.where, query.search, query.q, query.hits)


def _sort(query: ListQuery) -> Order:
    name, down = query.sort.removeprefix("-"), query.sort.startswith("-")
    if not _sortable(query.model, name):
        raise Invalid({"sort": _("This list cannot be sorted by “{name}”.", name=name[:60])})
    return Order(name, down, schema.added(query.model).get(name))
