"""Pages of a list, forms and REST at a million contacts: against the bare query, and against two peers on the same
rows.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import console, data, peers
from benchmarks.bare import Bare
from benchmarks.measure import Score, against, line, medians
from models.registry import CUSTOM_PREFIX

OWNER, AGENT = "maren.solheim@example.com", "rosa.villanueva@example.com"
COMMON, RARE = "ma", "xiomara.ziel"
# What the design asks of each kind of page, as a multiple of our own time.
_GOALS = {
    "first page": 8.0,
    "deep page": 8.0,
    "search, rare": 8.0,
    "filter and sort": 8.0,
    "edit form": 6.0,
    "create": 3.0,
    "REST list of 100": 3.0,
}
Runs = dict[str, tuple[Callable[[], object], Callable[[], object]]]


def run(contacts: int, workspaces: int, rounds: int, score: Score) -> None:
    """Prints every figure, on each database that is there."""
    for engine in data.engines():
        with data.database(engine, contacts, workspaces) as database:
            _measure(database, contacts // workspaces // 100, rounds, score)


def _measure(database: data.Database, middle: int, rounds: int, score: Score) -> None:
    """`middle` is the number of pages to the middle of a brokerage's list."""
    app = console.make_app(database)
    ours: dict[str, float] = {}
    asked: dict[str, int] = {}
    for who, email, sees_all in (("owner", OWNER, True), ("agent", AGENT, False)):
        person = console.sign_in(app, email, sees_all=sees_all)
        bare = Bare(database, person.workspace_id, person.owner_id)
        key = console.some_contact(app, person)
        for what, (mine, yardstick) in _cases(app, person, bare, key, middle if sees_all else middle // 10).items():
            found = medians({"ours": mine, "bare": yardstick}, rounds)
            line(database.engine, who, what, found["ours"], found["bare"], score)
            if sees_all:
                ours[what] = found["ours"]
        bare.close()
        if sees_all:
            asked = {"workspace": person.workspace_id, "contact": key}
    console.let_go(app)
    for peer, figures in peers.measure(database, asked, RARE, middle, rounds).items():
        for what, theirs in figures.items():
            against(database.engine, peer, what, theirs, ours[what], _GOALS[what], score)


def _cases(app: console.Flask, person: console.Person, bare: Bare, key: int, deep: int) -> Runs:
    """Name -> (ours, the bare one)."""
    client = person.client
    headers = console.api_headers(app, person)
    program = app.test_client()
    members = [n for n in _members(program, headers) if n != "id" and not n.startswith(CUSTOM_PREFIX)]
    return {
        "first page": (console.get(client, "/contacts/"), bare.first()),
        "deep page": (console.get(client, console.deep_page(client, deep)), bare.deep(50 * deep)),
        "search, common": (console.get(client, f"/contacts/?q={COMMON}"), bare.common(COMMON)),
        "search, rare": (console.get(client, f"/contacts/?q={RARE}"), bare.rare(RARE)),
        "filter and sort": (console.get(client, "/contacts/?f=stage:is:active&sort=name"), bare.sorted_filter()),
        "edit form": (console.get(client, f"/contacts/{key}/edit"), bare.form(key)),
        "record page": (console.get(client, f"/contacts/{key}"), bare.record(key)),
        "create": (console.create_contact(client), bare.create()),
        "REST list of 100": (
            console.get(program, "/api/v1/contact/?limit=100", headers=headers),
            bare.json_page(["id", *members, "custom"], 100),
        ),
        "REST create": (console.create_by_api(program, headers), bare.create()),
    }


def _members(program: console.FlaskClient, headers: dict[str, str]) -> list[str]:
    answer = program.get("/api/v1/contact/?limit=1", headers=headers)
    return list(answer.get_json()["data"][0])
