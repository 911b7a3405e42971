"""Every generated page asks the database at most six times, however many rows it shows, and a list of fifty stays
light.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

import views.console  # noqa: F401  registers the screens
from app import seed_scale
from app.seed_records import Colleague
from app.services import filters, group_keys
from models import registry
from models.base import Model, db, session
from models.fields import Kind, now
from models.workspace import Workspace
from tests.contracts import samples
from tests.contracts.conftest import program
from tests.factories import SYSTEM, Browser, World, sign_in
from tests.web.dashboards_kit import add_tile
from views.screen import Screen, screens

MOST = 6
HEAVIEST = 46 * 1024
HEAVIEST_BOARD = 72 * 1024
FEW, MANY = 5, 50


@pytest.mark.parametrize("entity", sorted(screens()))
def test_pages_of_an_entity_ask_as_often_with_fifty_rows_as_with_five(
    app: Flask, twins: World, client: Browser, entity: str
) -> None:
    spec = screens()[entity]
    sign_in(client, twins.harbour.owner)
    keyed = program(app, twins.harbour)
    asked = []
    for present, rows in ((1, FEW), (FEW, MANY)):
        _stock(app, present, rows)
        counts = {url: _statements(app, client, url) for url in _pages(spec)}
        asked.append(counts | {url: _statements(app, keyed, url) for url in _resources(spec)})
    few, many = asked
    assert max(many.values()) <= MOST, many
    assert few == many


def test_the_first_page_asks_as_often_with_fifty_rows_as_with_five(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.harbour.owner)
    asked = []
    for present, rows in ((1, FEW), (FEW, MANY)):
        _stock(app, present, rows)
        asked.append(_statements(app, client, "/"))
    assert asked[0] == asked[1] <= MOST


def test_a_full_dashboard_asks_no_more_than_any_page_and_each_tile_once(
    app: Flask, twins: World, client: Browser
) -> None:
    sign_in(client, twins.harbour.owner)
    board = int(client.submit("/dashboards/new", {"name": "Full", "audience": "workspace"}, page="/").location[12:])
    date = {"date": "created_at"}
    for kind, form in (
        ("number", {"measure": "sum:budget_max"}), ("trend", {**date, "every": "day"}), ("table", {"width": "3"}),
        ("bar", {"by": "owner_id", "measure": "average:budget_max"}), ("bar", {"by": "@created_at", "split": "source"}),
        ("line", {**date, "steps": "week:26", "split": "owner_id"}), ("funnel", {"by": "stage"}),
        ("number", {**date, "period": "last30", "query": f"q={samples.WORD}&{_filter(screens()['contact'])}"}),
    ):  # fmt: skip
        assert add_tile(client, "contact", kind, board, **form).status_code == 303, kind
    for kind, form in (("funnel", {"by": "stage_id"}), ("bar", {"by": "stage_id", "measure": "sum:price"})):
        assert add_tile(client, "deal", kind, board, **form).status_code == 303, kind
    asked = []
    for present, rows in ((1, FEW), (FEW, MANY)):
        _stock(app, present, rows)
        page = f"/dashboards/{board}"
        tiles = [f"{page}/tiles/{key}" for key in re.findall(r'id="t(\d+)"', client.get(page).text)]
        asked.append({url: _statements(app, client, url) for url in (page, f"{page}/arrange", *tiles)})
    few, many = asked
    assert few == many and len(many) == 12
    words = [url for url, number in many.items() if "/tiles/" in url and number > 2]
    assert max(many.values()) <= MOST and len(words) == 1, "one statement beside the session's, and one for a search"
    assert many[words[0]] == 3, many


@pytest.mark.parametrize("entity", sorted(screens()))
def test_every_layout_asks_as_often_with_fifty_rows_as_with_five(
    app: Flask, twins: World, client: Browser, entity: str
) -> None:
    spec = screens()[entity]
    sign_in(client, twins.harbour.owner)
    client.get("/")
    asked = []
    for present, rows in ((1, FEW), (FEW, MANY)):
        _stock(app, present, rows)
        asked.append({url: _statements(app, client, url) for url in _layouts(app, twins, spec)})
    few, many = asked
    assert max(many.values()) <= MOST, many
    assert few == many


@pytest.mark.parametrize("entity", ["contact", "deal", "task"])
def test_every_layout_of_fifty_is_light(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec = screens()[entity]
    _stock(app, 1, MANY)
    sign_in(client, twins.harbour.owner)
    plain = [url.removesuffix(f"&{_much(spec)}") for url in _layouts(app, twins, spec)]
    weights = {url: len(client.get(url).data) for url in [*plain[:-2], f"{spec.url()}?totals=1"]}
    assert max(weights.values()) <= HEAVIEST, weights


def test_a_list_of_fifty_is_light(app: Flask, twins: World, client: Browser) -> None:
    _stock(app, 1, MANY)
    sign_in(client, twins.harbour.owner)
    weights = {spec.entity: len(client.get(spec.url()).data) for spec in screens().values()}
    assert max(weights.values()) <= HEAVIEST, weights


@pytest.mark.parametrize("view", ["", "?f=stage:is:active&f=type:is:buyer|lead", "?q=e"])
def test_a_list_of_fifty_believable_contacts_is_light(app: Flask, world: World, client: Browser, view: str) -> None:
    agent = world.harbour.agent
    people = [Colleague(agent.membership_id, agent.team_id, agent.name, "agent")]
    with app.app_context():
        seed_scale.add_contacts(world.harbour.id, 2000, people, random.Random(1), now(), actor=SYSTEM)
    sign_in(client, world.harbour.owner)
    page = client.get(f"/contacts/{view}")
    assert page.data.count(b"<tr role=row>") == 50
    assert len(page.data) <= HEAVIEST


def test_a_full_board_is_light(app: Flask, world: World, client: Browser) -> None:
    agent = world.harbour.agent
    people = [Colleague(agent.membership_id, agent.team_id, agent.name, "agent")]
    with app.app_context():
        seed_scale.add_contacts(world.harbour.id, 2000, people, random.Random(1), now(), actor=SYSTEM)
    sign_in(client, world.harbour.owner)
    page = client.get("/contacts/?display=board")
    assert page.data.count(b"<li class=c-card") == 140, "seven stages with twenty cards each"
    assert len(page.data) <= HEAVIEST_BOARD


def test_the_count_would_see_a_statement_per_row(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside(), _counted() as seen:
        for _ in range(MOST + 1):
            session.execute(sa.select(registry.entity("contact").id))
    assert len(seen) == MOST + 1


def _pages(spec: Screen) -> list[str]:
    key = samples.HARBOUR_ID
    base = [spec.url(), f"{spec.url()}?{_filter(spec)}", f"{spec.url()}?q={samples.WORD}", spec.url(key)]
    base += [spec.url(key, "edit")] if spec.edits else []
    base += [spec.url(page="new")] if spec.adds else []
    base += [f"{spec.url(key)}?tab=related-{name}" for name in spec.related if screens()[name].group]
    return [*base, f"{spec.url(key)}?tab=history"]


def _layouts(app: Flask, world: World, spec: Screen) -> list[str]:
    """Every board, calendar and grouping of a list, with all that costs a statement of its own."""
    model, much = spec.model, _much(spec)
    with app.app_context(), world.harbour.inside():
        lanes = group_keys.lanes_of(model, actor=world.harbour.actor("owner"))
        timed, grouped = group_keys.timed(model), group_keys.groupable(model)
    found = [f"{spec.url()}?display=board&by={name}&{much}" for name in lanes]
    found += [f"{spec.url()}?display=calendar&by={name}&{much}" for name in timed]
    found += [f"{spec.url()}?group={name}&{much}" for name in grouped]
    return [*found, f"{spec.url()}?{much}", spec.url(page="arrange")]


def _much(spec: Screen) -> str:
    return f"{_filter(spec)}&totals=1&q={samples.WORD}"


def _resources(spec: Screen) -> list[str]:
    base, key = f"/api/v1/{spec.entity}/", samples.HARBOUR_ID
    found = [base, f"{base}?limit=100&count=capped", f"{base}?{_filter(spec)}", f"{base}{key}"]
    wide = samples.expansion(spec)
    found += [f"{base}?count=exact&{wide}", f"{base}{key}?{wide}"] * bool(wide)
    return [*found, f"{base}?q={samples.WORD}&count=exact&{samples.expansion(spec, 2)}"]


def _filter(spec: Screen) -> str:
    """A filter that every copy fits, by a related record where there is one: its name is looked up for the page."""
    for name, field in filters.filterable(spec.model).items():
        if field.kind is Kind.RELATION and name in spec.columns:
            return f"f={name}:filled"
    return "f=created_at:after:2001-01-01"


def _statements(app: Flask, client: Any, url: str) -> int:
    assert client.get(url).status_code == 200, url
    with app.app_context(), _counted() as seen:
        client.get(url)
    return len(seen)


@contextmanager
def _counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def _stock(app: Flask, first: int, rows: int) -> None:
    """Bring every entity to `rows` copies of the planted record, which the copies hang on, and each to a user of its
    own.
    """
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(Workspace.__table__).values(schema_mark=rows + 1))
        for table in Model.metadata.sorted_tables:
            if table.name in registry.entities() or table.name == "ab_user":
                planted = connection.execute(sa.select(table).where(table.c.id == samples.HARBOUR_ID)).mappings().one()
                copies = [
                    dict(planted) | _apart(table, planted, number) | {"id": samples.HARBOUR_ID + number}
                    for number in range(first, rows)
                ]
                connection.execute(sa.insert(table), copies)


def _apart(table: sa.Table, row: Any, number: int) -> dict[str, Any]:
    """What must differ between copies: per unique set the last text, or the last reference where there is none."""
    apart: dict[str, Any] = {}
    sets = [c.columns for c in table.constraints if isinstance(c, sa.UniqueConstraint)] + [
        i.columns for i in table.indexes if i.unique
    ]
    for columns in [list(c) for c in sets] + [[c] for c in table.columns if c.unique]:
        texts = [c for c in columns if isinstance(c.type, sa.String) and row[c.name]]
        keys = [c for c in columns if c.name not in ("id", "workspace_id") and c not in texts]
        if texts:
            text = row[texts[-1].name]
            marked = f"{text}{number}" if text.startswith(registry.CUSTOM_PREFIX) else f"{number}{text}"
            apart[texts[-1].name] = marked[: texts[-1].type.length or 200]
        elif keys:
            apart[keys[-1].name] = row[keys[-1].name] + number
    return apart
