"""Many records in one request: all or nothing, or each for itself; with the rights and traces of single requests."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.contracts import state
from tests.contracts.conftest import program
from tests.factories import World
from views import api_bulk

LIST = "/api/v1/contact/"
BULK = f"{LIST}_bulk"


def told(app: Flask, table: str = "audit", entity: str = "contact") -> list[dict[str, Any]]:
    with app.app_context():
        return state.rows(table, entity=entity)


def test_all_kinds_of_writes_in_one_request(app: Flask, world: World) -> None:
    key, ids = program(app, world.harbour), world.harbour.contacts
    before = len(told(app)), len(told(app, "change"))
    seen = key.get(f"{LIST}{ids['Eli Moreno']}").json["version"]
    answer = key.post(
        BULK,
        json={
            "create": [{"name": "Nina Novak", "email": "Nina@Example.com"}, {"name": "Otto Oak"}],
            "update": [{"id": ids["Eli Moreno"], "version": seen, "next_step": "Call"}],
            "delete": [ids["Faye Okafor"]],
        },
    )
    assert answer.status_code == 200
    nina, otto, eli, faye = answer.json["results"]
    assert (nina["status"], otto["status"], eli, faye) == (
        201,
        201,
        {"id": ids["Eli Moreno"], "status": 200, "version": seen + 1},
        {"id": ids["Faye Okafor"], "status": 204},
    )
    made = key.get(f"{LIST}{nina['id']}").json
    assert (made["email"], made["source"], made["version"]) == ("nina@example.com", "api", nina["version"])
    assert key.get(f"{LIST}{eli['id']}").json["next_step"] == "Call"
    assert key.get(f"{LIST}{faye['id']}").status_code == 404
    audits, changes = told(app)[before[0] :], told(app, "change")[before[1] :]
    wanted = ["contact.create", "contact.create", "contact.update", "contact.delete"]
    assert [a["action"] for a in audits] == wanted
    assert {c["operation"] for c in changes} == {"contact.bulk"} and len(changes) == 4


def test_all_or_nothing_names_every_problem_by_its_place(app: Flask, world: World) -> None:
    key, ids = program(app, world.harbour), world.harbour.contacts
    with state.watching(app) as watch:
        answer = key.post(
            BULK,
            json={
                "create": [{"name": "Nina Novak"}, {"name": "", "email": "no address"}, 7, {"shoe_size": 1}],
                "update": [{"id": ids["Eli Moreno"], "next_step": "Call"}, {"id": 999_999}, {"next_step": "Call"}],
                "delete": [ids["Faye Okafor"], "x", True, 2**63],
            },
        )
        assert watch.changed() == []
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    problems = answer.json["errors"]
    assert sorted(problems) == [
        "create.1.email",
        "create.2",
        "create.3.shoe_size",
        "delete.1",
        "delete.2",
        "delete.3",
        "update.1",
        "update.2.id",
    ]
    assert all(words.endswith(".") or "Example" in words for words in problems.values()), problems


def test_each_for_itself_keeps_what_is_good(app: Flask, world: World) -> None:
    key, ids = program(app, world.harbour), world.harbour.contacts
    key.patch(f"{LIST}{ids['Dana Whitcombe']}", json={"next_step": "Theirs"})
    before = len(told(app))
    many = {
        "create": [{"name": ""}, {"name": "Nina Novak"}],
        "update": [
            {"id": ids["Eli Moreno"], "next_step": "Call"},
            {"id": ids["Dana Whitcombe"], "next_step": "Mine", "version": 1},
            {"id": ids["Faye Okafor"], "owner_id": 999_999, "company": "Half"},
        ],
        "delete": [ids["Gus Lindqvist"], ids["Gus Lindqvist"]],
        "atomic": False,
    }
    answer = key.post(BULK, json=many)
    assert answer.status_code == 200
    results = answer.json["results"]
    assert [r["status"] for r in results] == [422, 201, 200, 409, 422, 204, 422]
    assert results[0]["id"] is None and "name" in results[0]["errors"]
    assert results[3]["version"] == 2 and "same record" in results[6]["errors"]["id"]
    assert "owner_id" in results[4]["errors"] and results[4]["id"] == ids["Faye Okafor"]
    assert key.get(f"{LIST}{ids['Eli Moreno']}").json["next_step"] == "Call"
    assert key.get(f"{LIST}{ids['Faye Okafor']}").json["company"] in (None, ""), "a refused item leaves nothing"
    assert [a["action"] for a in told(app)[before:]] == ["contact.create", "contact.update", "contact.delete"]


def test_an_agent_stays_within_reach_and_an_outsider_outside(app: Flask, world: World) -> None:
    ids = world.harbour.contacts
    many = {"update": [{"id": ids[n], "next_step": "Call"} for n in ("Dana Whitcombe", "Eli Moreno")], "atomic": False}
    agent = program(app, world.harbour, "agent")
    assert [r["status"] for r in agent.post(BULK, json=many).json["results"]] == [200, 404]
    planted = {"create": [{"name": "Planted", "owner_id": world.harbour.stranger.membership_id}], "atomic": False}
    (refused,) = agent.post(BULK, json=planted).json["results"]
    assert (refused["status"], list(refused["errors"])) == (422, ["owner_id"])
    outsider = program(app, world.summit)
    with state.watching(app) as watch:
        answer = outsider.post(BULK, json={**many, "delete": [ids["Faye Okafor"]]})
        assert {r["status"] for r in answer.json["results"]} == {404}
        assert watch.changed() == []


def test_a_key_needs_the_scope_of_each_list(app: Flask, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    writer = program(app, world.harbour, scopes=["contact:read", "contact:write", "bulk:write"])
    assert writer.post(BULK, json={"update": [{"id": dana}], "delete": [dana]}).status_code == 403
    assert writer.post(BULK, json={"update": [{"id": dana, "next_step": "Call"}]}).status_code == 200
    remover = program(app, world.harbour, scopes=["contact:read", "contact:delete", "bulk:delete"])
    assert remover.post(BULK, json={"create": [{"name": "Nina Novak"}]}).status_code == 403
    assert remover.post(BULK, json={"delete": [dana]}).status_code == 200
    assert program(app, world.harbour, "reader").post(BULK, json={"delete": [dana]}).status_code == 403
    assert app.test_client().post(BULK, json={"delete": [dana]}).status_code == 401


def test_what_is_no_bulk_request_is_refused_whole(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    for wrong in (
        {},
        {"create": []},
        {"create": {}},
        {"create": [{"name": "x"}], "atomic": "yes"},
        {"create": [{"name": "x"}], "upsert": []},
        {"delete": [1] * 1001},
        {"create": [{"name": "x"}] * 600, "delete": list(range(1, 402))},
    ):
        answer = key.post(BULK, json=wrong)
        assert answer.status_code == 422 and answer.json["errors"], wrong
    assert key.post(f"{BULK}?stage=lead", json={"delete": [1]}).status_code == 422, "no change by filter"
    assert key.post(BULK, data=b"name=x", content_type="text/plain").status_code == 415
    assert key.get(BULK).status_code in (404, 405)


def test_the_body_may_be_larger_here_and_only_here(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    long = {"name": "Nina Novak", "about": "x" * 4_900}
    large = {"create": [long] * 250}
    assert key.post(BULK, json=large).status_code == 200
    assert key.post(LIST, json={"name": "x" * (2 << 20)}).status_code == 422
    huge = key.post(BULK, json={"create": [{"about": "x" * api_bulk.MOST_BODY}]})
    assert huge.status_code in (413, 422) and "8 MB" in huge.json["detail"]


def test_a_thousand_records_are_one_operation(app: Flask, world: World) -> None:
    key = program(app, world.harbour)
    answer = key.post(BULK, json={"create": [{"name": f"Person {n}"} for n in range(1000)]})
    assert answer.status_code == 200 and len({r["id"] for r in answer.json["results"]}) == 1000
    one = {"update": [{"id": r["id"], "stage": "active"} for r in answer.json["results"]]}
    assert {r["status"] for r in key.post(BULK, json=one).json["results"]} == {200}
    with app.app_context():
        assert (
            sum(row["stage"] == "active" for row in state.rows("contact") if row["name"].startswith("Person")) == 1000
        )


def test_a_bulk_request_that_comes_twice_is_done_once(app: Flask, world: World) -> None:
    key, once = program(app, world.harbour), {"Idempotency-Key": "many"}
    many = {"create": [{"name": "Nina Novak"}, {"name": ""}], "atomic": False}
    first = key.post(BULK, json=many, headers=once)
    again = key.post(BULK, json=many, headers=once)
    assert first.status_code == 200 and again.data == first.data and again.headers["Idempotency-Replayed"] == "true"
    assert key.post(BULK, json={**many, "atomic": True}, headers=once).status_code == 422
    with app.app_context():
        assert len(state.rows("contact", name="Nina Novak")) == 1
