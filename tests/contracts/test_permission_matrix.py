"""Who may do what: the reviewed table of the built-in roles, and every surface held to it.

`permission_matrix.txt` is the document of ASVS 8.1.1. After a change that is meant, read the difference and write it
anew with
`python -m tests.contracts.test_permission_matrix`; the file then belongs to the review of that change.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import permissions
from app.services import cells, kept, members, roles
from models import registry
from models.base import Model, Owned, db
from models.scope import Reach, Rights, Rule
from tests import rules_kit
from tests.contracts import walk
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID, WORD
from tests.factories import SYSTEM, Browser, Office, Person, World, sign_in
from views.screen import Screen, screens

SNAPSHOT = Path(__file__).with_name("permission_matrix.txt")
_HEAD = """\
What the built-in roles may do. Reviewed; compared by tests/contracts/test_permission_matrix.py.
Reach: own = records one owns, team = records of one's team too, all = the whole workspace, - = refused.
An entity that hangs on another (an e-mail address on a contact) follows its parent and is not listed.
"""
# What a rule is on: every action, all but reading, or reading alone.
RULED: dict[str, tuple[str, ...]] = {
    "by rules": permissions.ACTIONS, "reading all": ("write", "delete", "export"), "reading by rule": ("read",)
}  # fmt: skip
MET = "as the rule says"
_WORDS = {Reach.OWN: "own", Reach.TEAM: "team", Reach.WORKSPACE: "all", None: "-"}
# The person, and whose the record is: theirs, of their team, or of another team. Whole-workspace roles see no
# difference.
_CASES = [
    ("owner", "other"),
    ("admin", "other"),
    ("broker", "other"),
    ("compliance", "other"),
    ("reader", "other"),
    *((who, whose) for who in ("agent", "assistant") for whose in ("mine", "team", "other")),
]
# The agent in a role with a rule on everything that has an owner, and whether the record meets it.
_RULED = [(who, whose) for who in RULED for whose in ("meets", "misses")]


def matrix() -> str:
    """The table as text."""
    lines = [_HEAD]
    for key, (label, rights) in permissions.builtin_roles().items():
        lines.append(f"{label} ({key})")
        for entity, actions in sorted(permissions.subjects().items()):
            cells = "".join(f"{action} {_WORDS[rights.get(entity, {}).get(action)]:<7}" for action in actions)
            lines.append(f"  {entity:<16}{cells.rstrip()}")
        lines.append("")
    return "\n".join(lines)


def test_the_built_in_roles_are_as_reviewed() -> None:
    assert matrix() == SNAPSHOT.read_text(), (
        "The roles changed. If that is meant: python -m tests.contracts.test_permission_matrix, and have it reviewed."
    )


def test_every_entity_and_every_role_is_in_the_document() -> None:
    text = SNAPSHOT.read_text()
    for name, model in registry.entities().items():
        assert model.policy.parent or f"  {name} " in text, name
    assert all(f"({key})" in text for key in permissions.builtin_roles())


def cast(app: Flask, world: World, who: str) -> tuple[Person, Rights]:
    """The person of a case and what their role may do; for a case of `RULED`, the agent in a role made for it."""
    office = world.summit
    if who not in RULED:
        with app.app_context():
            return office.people[who], office.actor(who).rights
    text = f'{{"and":["source:is:{MET}",{{"or":["owner_id:not:@me","owner_id:empty"]}}]}}'
    rights = dict(rules_kit.ruled(text, *rules_kit.owned(), actions=RULED[who]))
    # Over a field of the brokerage's own, too; the planted one is a text of contacts.
    own = Rule(text.replace('"source', '"x_summit:contains:custom","source'))
    rights["contact"] = {a: own if isinstance(r, Rule) else r for a, r in rights["contact"].items()}
    with app.app_context(), office.inside():
        role = roles.create("By rules", rights, actor=SYSTEM).id
        members.change(office.agent.membership_id, role_id=role, team_id=office.agent.team_id, actor=SYSTEM)
    return replace(office.agent, role_id=role), rights


def mismatches(app: Flask, world: World, who: str, whose: str) -> list[str]:
    """Every surface where this person gets more or less than the rights say."""
    office = world.summit
    person, rights = cast(app, world, who)
    with app.app_context():
        _hand_over(office, person, whose)
    browser = app.test_client()
    assert isinstance(browser, Browser)
    sign_in(browser, person)
    browser.get("/account/")
    key = program(app, office, "agent" if who in RULED else who)
    found = []
    for spec in screens().values():
        can = {action: _covers(rights, spec.model, action, whose) for action in permissions.ACTIONS}
        for where, wanted, got in _surfaces(app, spec, can, browser, key):
            if wanted != got:
                found.append(f"{who}, {whose}: {where} gives {got}, the rights say {wanted}")
    return found


@pytest.mark.parametrize(("who", "whose"), [*_CASES, *_RULED])
def test_every_surface_obeys_the_rights(app: Flask, twins: World, who: str, whose: str) -> None:
    found = mismatches(app, twins, who, whose)
    assert not found, walk.report(found, "surfaces disobey")


def test_the_contract_sees_a_surface_that_forgets_the_reach(
    app: Flask, twins: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permissions, "restrict", lambda statement, *_args, **_kw: statement)
    monkeypatch.setattr(kept, "_kept", {})  # what was built before would still keep to the reach
    found = mismatches(app, twins, "agent", "other")
    assert any("picker gives shown" in fault for fault in found) and any("page of contact" in fault for fault in found)


def test_a_key_does_what_its_scopes_name_and_no_more(app: Flask, twins: World) -> None:
    key = program(app, twins.summit, "owner", ["contact:read"])
    for name, model in registry.entities().items():
        readable = registry.permission_entity(model) == "contact"
        assert key.get(f"/api/v1/{name}/").status_code == (200 if readable else 403), name
        assert key.get(f"/api/v1/{name}/{SUMMIT_ID}").status_code == (200 if readable else 403), name
        assert key.post(f"/api/v1/{name}/", json={}).status_code == 403, name
        assert key.patch(f"/api/v1/{name}/{SUMMIT_ID}", json={}).status_code == 403, name
        assert key.delete(f"/api/v1/{name}/{SUMMIT_ID}").status_code == 403, name
        for many in ({}, {"create": [{}]}, {"update": [{"id": SUMMIT_ID}]}, {"delete": [SUMMIT_ID]}):
            assert key.post(f"/api/v1/{name}/_bulk", json=many).status_code == 403, name


def test_a_key_never_does_more_than_its_person(app: Flask, twins: World) -> None:
    key = program(app, twins.summit, "reader")
    _, rights = permissions.builtin_roles()["read_only"]
    for name, model in registry.entities().items():
        readable = registry.permission_entity(model) in rights
        assert key.get(f"/api/v1/{name}/").status_code == (200 if readable else 403), name
        assert key.post(f"/api/v1/{name}/", json={}).status_code == 403, name
        assert key.delete(f"/api/v1/{name}/{SUMMIT_ID}").status_code == 403, name


def test_a_right_taken_away_is_gone_on_the_next_request(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.agent)
    with app.app_context(), twins.summit.inside():
        role = roles.create("Helper", {"contact": {"read": Reach.OWN}}, actor=SYSTEM).id
        members.change(twins.summit.agent.membership_id, role_id=role, team_id=None, actor=SYSTEM)
    assert client.get("/contacts/").status_code == 200
    with app.app_context(), twins.summit.inside():
        roles.update(role, "Helper", {"task": {"read": Reach.OWN}}, actor=SYSTEM)
    assert client.get("/contacts/").status_code == 403


def _covers(rights: Rights, model: type[Any], action: str, whose: str) -> str:
    """What the rights say of the planted record: "forbidden", "hidden" or "shown"."""
    reach = rights.get(registry.permission_entity(model), {}).get(action)
    if reach is None:
        return "forbidden"
    owned = issubclass(model, Owned) or (
        model.policy.parent and issubclass(registry.entity(model.policy.parent), Owned)
    )
    if isinstance(reach, Rule):
        return "shown" if whose == "meets" else "hidden"
    if whose in ("meets", "misses"):
        return "shown"
    near = {Reach.OWN: ("mine",), Reach.TEAM: ("mine", "team"), Reach.WORKSPACE: ("mine", "team", "other")}[reach]
    return "shown" if whose in near or not owned else "hidden"


def _surfaces(
    app: Flask, spec: Screen, can: dict[str, str], browser: Browser, key: Any
) -> Iterator[tuple[str, str, str]]:
    """(surface, what should come, what came)."""
    entity, read = spec.entity, can["read"]
    yield from _seen_in(spec, can, browser)
    rest = key.get(f"/api/v1/{entity}/")
    yield (
        f"REST list of {entity}",
        read,
        _seen(rest, rest.status_code == 200 and any(r["id"] == SUMMIT_ID for r in rest.json["data"])),
    )
    yield f"REST get of {entity}", read, _seen(key.get(f"/api/v1/{entity}/{SUMMIT_ID}"))
    write = _changes(read, can["write"], spec.edits)
    changes = "forbidden" if not spec.edits or can["write"] == "forbidden" else write
    yield f"REST patch of {entity}", write, _seen(key.patch(f"/api/v1/{entity}/{SUMMIT_ID}", json={}))
    yield (
        f"edit form of {entity}",
        changes,
        _seen(browser.get(spec.url(SUMMIT_ID, "edit"))),
    )
    adds = "shown" if spec.adds and can["write"] != "forbidden" else "forbidden"
    yield f"form for a new {entity}", adds, _seen(browser.get(spec.url(page="new")))
    yield f"REST post of {entity}", adds, _seen(key.post(f"/api/v1/{entity}/", json={}))
    bulk = f"/api/v1/{entity}/_bulk"
    yield f"REST bulk post of {entity}", adds, _seen(key.post(bulk, json={"create": [{}]}))
    yield f"REST bulk patch of {entity}", changes, _one_of(key.post(bulk, json=_bulk("update", {"id": SUMMIT_ID})))
    for name, asked in walk.verbs_of(spec).items():
        answer = browser.submit(spec.url(page=f"bulk/{name}"), {"ids": str(SUMMIT_ID)})
        yield (
            f"{name} of {entity}",
            _verb(read, can[asked.right]),
            _seen(answer, "None of the selected" not in answer.get_data(as_text=True)),
        )
    yield (
        f"REST bulk delete of {entity}",
        "forbidden" if not spec.deletes or can["delete"] == "forbidden" else _changes(read, can["delete"], True),
        _one_of(key.post(bulk, json=_bulk("delete", SUMMIT_ID))),
    )
    _undelete(app, spec.model)
    yield (
        f"REST delete of {entity}",
        _changes(read, can["delete"], spec.deletes),
        _seen(key.delete(f"/api/v1/{entity}/{SUMMIT_ID}")),
    )
    _undelete(app, spec.model)


def _seen_in(spec: Screen, can: dict[str, str], browser: Browser) -> Iterator[tuple[str, str, str]]:
    """Where people meet the record."""
    entity, read, mark = spec.entity, can["read"], f"/{spec.slug}/{SUMMIT_ID}"
    page = browser.get(spec.url())
    yield f"list of {entity}", read, _seen(page, f"<a href={SUMMIT_ID}" in page.get_data(as_text=True))
    board = browser.get(f"{spec.url()}?group={spec.badge}" if spec.badge else spec.url())
    yield f"groups of {entity}", read, _seen(board, f"<a href={SUMMIT_ID}" in board.get_data(as_text=True))
    write = _changes(read, can["write"], spec.edits) if can["write"] != "forbidden" and spec.edits else "forbidden"
    cell = browser.get(spec.url(SUMMIT_ID, f"cell/{next(iter(cells.editable(spec.model)))}"))
    yield f"cell of {entity}", write, _seen(cell)
    yield f"page of {entity}", read, _seen(browser.get(spec.url(SUMMIT_ID)))
    picker = browser.get(spec.url(page="picker"))
    yield (
        f"{entity} picker",
        read,
        _seen(picker, picker.status_code == 200 and any(i["id"] == SUMMIT_ID for i in picker.json["items"])),
    )
    exported = _exported(browser.submit(spec.url(page="export.csv")))
    yield f"export of {entity}", "hidden" if read == "hidden" and can["export"] == "shown" else can["export"], exported
    if spec.searchable and read != "forbidden":
        yield (
            f"search for {entity}",
            read,
            "shown" if mark in browser.get(f"/search/palette?q={WORD}").get_data(as_text=True) else "hidden",
        )


def _changes(read: str, right: str, offered: bool) -> str:
    """A record that one may not read is absent; one that is read but out of reach for the act is refused by name."""
    if read != "shown":
        return read
    return "shown" if right == "shown" and offered else "forbidden"


def _verb(read: str, right: str) -> str:
    if "forbidden" in (read, right):
        return "forbidden"
    return "shown" if read == right == "shown" else "hidden"


def _seen(answer: Any, present: bool = True) -> str:
    if answer.status_code == 403:
        return "forbidden"
    if answer.status_code == 404 or not present:
        return "hidden"
    return "shown" if answer.status_code in (200, 201, 204, 422) else str(answer.status_code)


def _bulk(act: str, one: Any) -> dict[str, Any]:
    return {act: [one], "atomic": False}


def _one_of(answer: Any) -> str:
    """As `_seen`, of the one result of a bulk request."""
    if answer.status_code != 200:
        return _seen(answer)
    status = answer.json["results"][0]["status"]
    return {403: "forbidden", 404: "hidden"}.get(status, "shown" if status in (200, 201, 204, 422) else str(status))


def _exported(answer: Any) -> str:
    if answer.status_code != 200:
        return _seen(answer)
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))[1:]
    return "shown" if any(WORD in cell for row in rows for cell in row) else "hidden"


def _hand_over(office: Office, person: Person, whose: str) -> None:
    """Make the planted records theirs, their team's, or another team's."""
    near = {
        "mine": (person.membership_id, person.team_id),
        "team": (office.colleague.membership_id, person.team_id),
        "other": (office.stranger.membership_id, office.teams["west"]),
    }
    owner, team = near.get(whose, near["other"])
    source = {"source": MET if whose == "meets" else "otherwise"} if whose in ("meets", "misses") else {}
    with db.engine.begin() as connection:
        for model in registry.entities().values():
            if issubclass(model, Owned):
                connection.execute(
                    sa.update(model.__table__)
                    .where(model.__table__.c.id == SUMMIT_ID)
                    .values(owner_id=owner, team_id=team, **source)
                )


def _undelete(app: Flask, model: type[Any]) -> None:
    table = Model.metadata.tables[model.__tablename__]
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(table).where(table.c.id == SUMMIT_ID).values(deleted_at=None))


if __name__ == "__main__":
    import views.screens.crm  # noqa: F401  the entities

    SNAPSHOT.write_text(matrix())
