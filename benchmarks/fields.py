"""Lists with fields that a brokerage added: ten of them as columns, filtered and sorted by, against the bare query;
then the same lists and the pages of a record with 200 fields, all of them filled.

The yardstick walks the same index rows by the best query through the bare driver and reads the values out of the
record's own column. The limit is twice that plus 4 ms.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from html import escape
from typing import Any

import orjson
import sqlalchemy as sa

from app.services import custom_fields, custom_index, schema
from app.services.operation import operation
from benchmarks import console, data
from benchmarks.bare import Bare
from benchmarks.lists import OWNER
from benchmarks.measure import Score, line, medians
from models import scope, tenancy
from models.base import session
from models.contact import Contact
from models.custom import CustomValue
from models.policy import Category, Purpose

EXTRA_MS = 4.0
WIDE = 200
WORKSPACES = 5
_ACTOR = scope.system("Benchmark")
_WHY = tenancy.reason("a benchmark fills values in bulk")
_TAGS = {"category": Category.CONTACT.value, "purpose": Purpose.RUN_TRANSACTIONS.value, "keep": "record"}
_AREAS = ("North", "South", "East", "West", "Centre")
_FIELDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Bench area", "choice", {"options": list(_AREAS)}), ("Bench score", "number", {}), ("Bench sum", "money", {}),
    ("Bench day", "date", {}), ("Bench word", "text", {}), ("Bench flag", "boolean", {}),
    ("Bench rate", "number", {"places": 2}), ("Bench call", "datetime", {}), ("Bench mail", "email", {}),
    ("Bench wishes", "multichoice", {"options": ["Garden", "Garage", "Sauna"]}),
)  # fmt: skip


def run(contacts: int, workspaces: int, rounds: int, score: Score) -> None:
    """Prints every figure, on each database that is there."""
    for engine in data.engines():
        with data.database(engine, contacts, workspaces) as database:
            app = console.make_app(database)
            person = console.sign_in(app, OWNER, sees_all=True)
            with app.app_context():
                others = [w for w in range(person.workspace_id, person.workspace_id + WORKSPACES) if w <= workspaces]
                keys = {workspace: _fill(workspace) for workspace in others}
            bare = Bare(database, person.workspace_id, None)
            mine = keys[person.workspace_id]
            for what, (ours, yardstick) in _cases(person, bare, mine).items():
                found = medians({"ours": ours, "bare": yardstick}, rounds)
                line(engine, "owner", what, found["ours"], found["bare"], score, extra=EXTRA_MS)
            with app.app_context():
                wide = _widen(person.workspace_id)
            api = console.api_headers(app, person)
            for what, (ours, yardstick) in (
                _cases(person, bare, mine) | _record_cases(person, api, bare, wide)
            ).items():
                found = medians({"ours": ours, "bare": yardstick}, rounds)
                line(engine, "owner", f"{what}, of {WIDE} fields", found["ours"], found["bare"], score, extra=EXTRA_MS)
            bare.close()
            console.let_go(app)


def _cases(
    person: console.Person, bare: Bare, keys: dict[str, int]
) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    columns = "&".join(f"cols={name}" for name in keys)
    area, score, total = keys["x_bench_area"], keys["x_bench_score"], keys["x_bench_sum"]
    sorted_by = "join custom_value v on v.workspace_id = c.workspace_id and v.field_id = ? and v.record_id = c.id"
    has_area = (
        "exists (select 1 from custom_value a where a.workspace_id = c.workspace_id and a.field_id = ? "
        "and a.record_id = c.id and a.t = 'north')"
    )
    alive = "where c.workspace_id = ? and c.deleted_at is null"
    walk = f"from contact c {sorted_by} {alive}"
    order = "order by v.n desc, c.id desc limit 51"
    here = bare.workspace_id
    newest = "order by c.last_activity desc, c.id desc limit 51"
    return {
        "ten columns": (
            console.get(person.client, f"/contacts/?{columns}"),
            _page(bare, f"select c.id, c.name, c.custom from contact c {alive} {newest}", (here,), keys),
        ),
        "sorted by a number": (
            console.get(person.client, f"/contacts/?{columns}&sort=-x_bench_score"),
            _page(bare, f"select c.id, c.name, c.custom {walk} {order}", (score, here), keys),
        ),
        "filtered by a choice": (
            console.get(person.client, f"/contacts/?{columns}&f=x_bench_area:is:north"),
            _page(
                bare,
                f"select c.id, c.name, c.custom from contact c {alive} and {has_area} {newest}",
                (here, area),
                keys,
            ),
        ),
        "filtered by a rare value": (
            console.get(person.client, f"/contacts/?{columns}&f=x_bench_score:is:77"),
            _page(
                bare,
                "select c.id, c.name, c.custom from custom_value a join contact c on c.id = a.record_id "
                f"{alive} and a.workspace_id = c.workspace_id and a.field_id = ? and a.n = 77 {newest}",
                (here, score),
                keys,
            ),
        ),
        "filtered and sorted": (
            console.get(person.client, f"/contacts/?{columns}&f=x_bench_area:is:north&sort=-x_bench_sum"),
            _page(bare, f"select c.id, c.name, c.custom {walk} and {has_area} {order}", (total, here, area), keys),
        ),
    }  # fmt: skip


def _record_cases(
    person: console.Person, api: dict[str, str], bare: Bare, key: int
) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """The pages of one record that has a value in every field."""
    query = "select c.id, c.name, c.custom from contact c where c.workspace_id = ? and c.id = ?"
    values = (bare.workspace_id, key)

    def read() -> str:
        _key, name, custom = next(iter(bare.rows(query, values)))
        kept = orjson.loads(custom) if isinstance(custom, str) else custom
        return f"<h1>{escape(name)}</h1>" + "".join(f"<dt>{n}<dd>{escape(str(v))}" for n, v in kept.items())

    return {
        "record page": (console.get(person.client, f"/contacts/{key}"), read),
        "edit form": (console.get(person.client, f"/contacts/{key}/edit"), read),
        "page of 50 records in REST": (
            console.get(person.client, "/api/v1/contact/?limit=50", headers=api),
            _page(bare, "select c.id, c.name, c.custom from contact c where c.workspace_id = ? order by c.id limit 51",
                  (bare.workspace_id,), {}),
        ),
    }  # fmt: skip


def _widen(workspace: int) -> int:
    """Define further fields up to `WIDE`, with values for some contacts; the id of one of these."""
    rng = random.Random(workspace)
    with scope.inside(workspace), operation("bench.more", actor=_ACTOR):
        for number in range(WIDE - len(_FIELDS)):
            label, kind, more = _FIELDS[number % len(_FIELDS)]
            facts = {"label": f"{label.replace('Bench', 'Wide')} {number // len(_FIELDS)}", "kind": kind}
            custom_fields.define("contact", {**facts, **_TAGS, **more}, actor=_ACTOR)
        known = schema.added(Contact)
        some = session.execute(sa.select(Contact.id, Contact.custom).order_by(Contact.id).limit(1000)).all()
        chunk = [{"its_id": key, "own": {**(custom or {}), **_wide_values(rng)}} for key, custom in some]
        more = {n: one for n, one in known.items() if n.startswith("x_wide")}
        index = [row for one in chunk for row in
                 custom_index.rows(more, one["own"], workspace, one["its_id"], one["its_id"])]  # fmt: skip
        table = Contact.__table__
        update = sa.update(table).where(table.c.id == sa.bindparam("its_id"), table.c.workspace_id == workspace)
        kept = update.values(custom=sa.bindparam("own", type_=table.c.custom.type))
        session.execute(kept, chunk, execution_options=_WHY)
        session.execute(sa.insert(CustomValue.__table__), index, execution_options=_WHY)
        session.execute(sa.text("ANALYZE"), execution_options=_WHY)
        return int(some[0].id)


def _wide_values(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in range(WIDE // len(_FIELDS) - 1):
        for name, value in _values(rng).items():
            found[f"{name.replace('x_bench', 'x_wide')}_{number}"] = value
    return found


def _page(bare: Bare, query: str, values: tuple[Any, ...], names: dict[str, int]) -> Callable[[], str]:
    def run() -> str:
        cells = "".join
        drawn = []
        for key, name, custom in bare.rows(query, values):
            kept = orjson.loads(custom) if isinstance(custom, str) else custom or {}
            drawn.append(f"<tr><td>{key}<td>{escape(name)}{cells([f'<td>{escape(str(kept.get(n)))}' for n in names])}")
        return "<table>" + cells(drawn) + "</table>"

    return run


def _fill(workspace: int) -> dict[str, int]:
    """Define the fields in a workspace and give nine of ten contacts values; their ids by key."""
    rng = random.Random(workspace)
    with scope.inside(workspace), operation("bench.fields", actor=_ACTOR):
        for label, kind, more in _FIELDS:
            custom_fields.define("contact", {"label": label, "kind": kind, **_TAGS, **more}, actor=_ACTOR)
        known = {n: one for n, one in schema.added(Contact).items() if n.startswith("x_bench")}
        table = Contact.__table__
        chunk: list[dict[str, Any]] = []
        index: list[dict[str, Any]] = []
        for key, custom in session.execute(sa.select(Contact.id, Contact.custom)).all():
            if rng.random() < 0.9:
                chunk.append({"its_id": key, "own": {**(custom or {}), **_values(rng)}})
                index += custom_index.rows(known, chunk[-1]["own"], workspace, key, key)
        update = sa.update(table).where(table.c.id == sa.bindparam("its_id"), table.c.workspace_id == workspace)
        session.execute(
            update.values(custom=sa.bindparam("own", type_=table.c.custom.type)), chunk, execution_options=_WHY
        )
        session.execute(sa.insert(CustomValue.__table__), index, execution_options=_WHY)
        session.execute(sa.text("ANALYZE"), execution_options=_WHY)
        return {name: one.custom or 0 for name, one in known.items()}


def _values(rng: random.Random) -> dict[str, Any]:
    day = dt.date(2020, 1, 1) + dt.timedelta(days=rng.randrange(2400))
    return {
        "x_bench_area": rng.choice(_AREAS).lower(),
        "x_bench_score": rng.randrange(1000),
        "x_bench_sum": rng.randrange(10**9),
        "x_bench_day": day.isoformat(),
        "x_bench_word": f"word {rng.randrange(5000)}",
        "x_bench_rate": f"{rng.randrange(10000) / 100:.2f}",
        "x_bench_call": f"{day.isoformat()}T09:{rng.randrange(60):02d}:00+00:00",
        "x_bench_mail": f"m{rng.randrange(10**6)}@example.com",
        "x_bench_wishes": [rng.choice(("garden", "garage", "sauna"))],
    } | ({"x_bench_flag": True} if rng.random() < 0.5 else {})
