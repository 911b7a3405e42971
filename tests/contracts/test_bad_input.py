"""Whatever is sent, nothing breaks: no answer of the 500s, a sentence about what is wrong, and what was typed comes
back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.services import filters, queries
from models import registry
from models.fields import Field, Kind
from tests.contracts import samples, state, walk
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID
from tests.contracts.wrong_input import BODIES, WRONG_QUERIES, WRONG_TEXTS, WRONG_VALUES
from tests.factories import Browser, World, sign_in
from views.screen import Screen, screens


def test_no_address_breaks_a_page(app: Flask, twins: World, client: Browser) -> None:
    """Every page with every wrong parameter: answered, and what it cannot use is left out or named."""
    sign_in(client, twins.summit.owner)
    found = []
    pages = [
        call
        for call in walk.calls(app, SUMMIT_ID, "GET")
        if not call.api and not call.rule.startswith(("/auth/", "/assets/", "/static/"))
    ]
    full = {call.rule for call in pages if call.screen is not None and call.screen.entity == "contact"}
    for index, call in enumerate(pages):
        # Screens share their code: one gets every query, the others take turns.
        some = WRONG_QUERIES if call.rule in full else WRONG_QUERIES[index % 13 :: 13]
        for query in some:
            answer = client.get(f"{call.url}?{query}")
            if answer.status_code >= 500:
                found.append(f"{call.url}?{query[:80]} answers {answer.status_code}")
    assert not found, walk.report(found, "addresses break a page")


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_no_parameter_breaks_a_resource(app: Flask, twins: World, entity: str) -> None:
    key = program(app, twins.summit)
    found = []
    every = [*WRONG_QUERIES, *_wrong_filters(registry.entity(entity))]
    # The code is shared: contacts get everything, the others every fourth.
    wrong = every if entity == "contact" else every[len(entity) % 4 :: 4]
    for query in wrong:
        answer = key.get(f"/api/v1/{entity}/?{query}")
        if answer.status_code not in (200, 400, 422):
            found.append(f"{query[:100]} answers {answer.status_code}")
        elif answer.status_code != 200:
            found += [f"{query[:100]}: {words}" for words in _wordless(answer)]
    assert not found, walk.report(found, "parameters break the resource")


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_no_body_breaks_a_resource(app: Flask, twins: World, entity: str) -> None:
    spec, key, found = screens()[entity], program(app, twins.summit), []
    ways = [("POST", f"/api/v1/{entity}/")] * spec.adds + [("PATCH", f"/api/v1/{entity}/{SUMMIT_ID}")] * spec.edits
    with state.watching(app) as watch:
        for method, url in ways:
            for name, (body, kind, wanted) in BODIES.items():
                answer = key.open(url, method=method, data=body, content_type=kind)
                if answer.status_code not in wanted:
                    found.append(f"{method} {name} answers {answer.status_code}: {answer.get_data(as_text=True)[:200]}")
                found += [f"{method} {name}: {words}" for words in _wordless(answer)]
        assert watch.changed() == []
    assert not found, walk.report(found, "bodies break the resource")


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_no_value_breaks_a_resource(app: Flask, twins: World, entity: str) -> None:
    spec, key, found = screens()[entity], program(app, twins.summit), []
    for name in registry.writable(spec.model) if spec.edits else ():
        for value in WRONG_VALUES:
            answer = key.patch(
                f"/api/v1/{entity}/{SUMMIT_ID}", data=json.dumps({name: value}), content_type="application/json"
            )
            if answer.status_code not in (200, 400, 422):
                found.append(f"{name}={str(value)[:40]!r} answers {answer.status_code}")
            elif answer.status_code == 422 and not any(part.startswith((name, "")) for part in answer.json["errors"]):
                found.append(f"{name}={str(value)[:40]!r} is refused without a word about it")
    for wrong in (0, -1, 2**63, 10**30, "9" * 5000):
        answer = key.get(f"/api/v1/{entity}/{wrong}")
        if answer.status_code != 404:
            found.append(f"id {wrong} answers {answer.status_code}")
    assert not found, walk.report(found, "values break the resource")


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_forms_give_back_what_was_typed(app: Flask, twins: World, client: Browser, entity: str) -> None:
    spec, found = screens()[entity], []
    sign_in(client, twins.summit.owner)
    client.get("/")
    ids = dict.fromkeys(registry.entities(), SUMMIT_ID)
    for name, text in WRONG_TEXTS.items():
        for url in _forms(spec):
            good = samples.typed(spec.model, samples.values_of(spec.model, "typed", ids))
            wrong = {
                n: text
                for n, f in registry.writable(spec.model).items()
                if n in spec.form_fields and f.kind not in (Kind.BOOLEAN, Kind.CHOICE)
            }
            answer = client.submit(url, {**good, **wrong})
            if name == "NUL" and answer.status_code == 400:
                continue  # no browser sends one; the request as a whole is refused
            if answer.status_code not in (302, 422):
                found.append(f"{url} with {name} answers {answer.status_code}")
            elif answer.status_code == 422:
                found += [f"{url} with {name}: {words}" for words in _lost(answer, spec, good)]
    assert not found, walk.report(found, "forms lose or break")


def test_a_form_that_breaks_a_rule_keeps_every_field(app: Flask, twins: World, client: Browser) -> None:
    """One field is wrong; all the others stand in the form again as they were typed, with one sentence at the wrong
    one."""
    sign_in(client, twins.summit.owner)
    client.get("/")
    typed = {
        "name": "Vera Typed",
        "company": "Kept & Sons",
        "email": "no address",
        "about": "line one\nline <two>",
        "budget_min": "1,2,3x",
    }
    answer = client.submit("/contacts/new", typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for kept in ("Vera Typed", "Kept &amp; Sons", "no address", "line &lt;two&gt;", "1,2,3x"):
        assert kept in page, kept
    assert "Example" in page and "<two>" not in page


def test_a_stale_form_is_a_question_not_a_loss(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner)
    client.get("/")
    key = program(app, twins.summit)
    assert key.patch(f"/api/v1/contact/{SUMMIT_ID}", json={"next_step": "Theirs"}).status_code == 200
    good = samples.typed(registry.entity("contact"), samples.values_of(registry.entity("contact"), "summit", {}))
    answer = client.submit(f"/contacts/{SUMMIT_ID}/edit", {**good, "next_step": "Mine", "version": "1"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "Mine" in page and "Theirs" in page
    for version in ("0", "-1", "x", "99999999999999999999999", "\u0663"):
        answer = client.submit(
            f"/contacts/{SUMMIT_ID}/edit", {**good, "next_step": f"Mine {version}", "version": version}
        )
        assert answer.status_code < 500, version


def broken_forms(app: Flask, twins: World, client: Browser, under: str = "/") -> list[str]:
    """Every POST below an address, with wrong texts in all the fields that the pages use."""
    found = []
    names = (
        "name",
        "email",
        "body",
        "subject",
        "role",
        "team",
        "scopes",
        "days",
        "label",
        "password",
        "zone",
        "theme",
        "ids",
        "next",
        "back",
        "picked",
        "pick",
        "add_row",
        "contact_email-count",
        "contact_email-0-id",
        "contact_email-0-address",
        "version",
        "code",
        "file",
        "kind",
        "mapping",
        "basis",
        "q",
        "f",
        "sort",
    )
    for call in walk.calls(app, SUMMIT_ID, "POST"):
        if call.api or not call.rule.startswith(under):
            continue
        if call.rule.startswith("/auth/") or not client.token or client.get("/account/").status_code != 200:
            sign_in(client, twins.summit.owner)
            client.get("/account/")
        for text in (b"\xff\xfe\x00", b"99999999999999999999999999", b"-1", "²".encode(), b""):
            answer = client.submit(call.url, dict.fromkeys(names, text))
            if answer.status_code >= 500:
                found.append(f"{call} with {text!r} answers {answer.status_code}")
    return found


def test_no_form_of_the_product_breaks(app: Flask, twins: World, client: Browser) -> None:
    found = broken_forms(app, twins, client)
    assert not found, walk.report(found, "forms break")


def test_too_much_is_refused_with_a_word(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner)
    client.get("/contacts/new")
    app.config["MAX_CONTENT_LENGTH"] = 200_000
    answer = client.submit("/contacts/new", {"name": "x" * 300_000})
    assert answer.status_code == 413 and "too large" in answer.get_data(as_text=True).lower()
    app.config["MAX_CONTENT_LENGTH"] = 32 << 20
    answer = client.submit("/contacts/new", {"name": "x" * (5 << 20)})
    assert answer.status_code in (413, 422)
    answer = client.post(
        "/contacts/new",
        data={"csrf_token": client.token, **{f"f{i}": "" for i in range(3000)}},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 413


def test_the_contract_sees_a_form_that_breaks_and_one_that_forgets(app: Flask, twins: World, client: Browser) -> None:
    def careless() -> str:
        from flask import request

        return str(int(request.form["ids"]))

    careless.open_to_all = True  # type: ignore[attr-defined]
    with walk.extra_route(app, "/careless", careless, "POST"):
        assert (
            len(broken_forms(app, twins, client, "/careless")) == 2
        )  # NUL never reaches a view; the others but two are whole numbers
    forgetful = app.response_class("<form><input name=name value=''></form>", status=422)
    assert _lost(forgetful, screens()["tag"], {"name": "typed"}) != []


def _forms(spec: Screen) -> list[str]:
    return [spec.url(page="new")] * spec.adds + [spec.url(SUMMIT_ID, "edit")] * spec.edits


def _lost(answer: Any, spec: Screen, good: dict[str, str]) -> Iterator[str] | list[str]:
    """What is missing on a form that comes back: a sentence, or a choice that was made."""
    page = answer.get_data(as_text=True)
    found = []
    if (
        "is-invalid" not in page
        and "invalid-feedback" not in page
        and 'role="alert"' not in page
        and "role=alert" not in page
    ):
        found.append("no sentence says what is wrong")
    for name, field in registry.writable(spec.model).items():
        if (
            name in spec.form_fields
            and field.kind is Kind.CHOICE
            and not re.search(rf'value="?{re.escape(good[name])}"?[^>]*\b(selected|checked)', page)
        ):
            found.append(f"the choice of {name} is lost")
    return found


def _wordless(answer: Any) -> list[str]:
    """A refusal that does not say enough."""
    if answer.mimetype != "application/problem+json":
        return [f"comes as {answer.mimetype}"]
    body = answer.json
    found = [f"lacks {name}" for name in ("title", "status", "detail") if not body.get(name)]
    if body.get("status") != answer.status_code:
        found.append("names another status")
    if answer.status_code == 422 and not all(
        (isinstance(words, str) and words.endswith((".", "50.", "…"))) or words
        for words in body.get("errors", {}).values()
    ):
        found.append("has no sentence for each field")
    return found


def _wrong_filters(model: type[Any]) -> Iterator[str]:
    for name, field in filters.filterable(model).items():
        for op in (*filters.OPERATORS[field.kind], "no_such"):
            for text in _wrong_values(field):
                yield f"f={name}:{op}:{text}"


def _wrong_values(field: Field) -> tuple[str, ...]:
    if field.kind in (Kind.MOMENT, Kind.DATE):
        return ("", "x", "9999-12-31T23:59", "0001-01-01", "|", "2026-01-01|x")
    if field.kind in (Kind.MONEY, Kind.NUMBER, Kind.RELATION):
        return ("", "%FF", "-1", "99999999999999999999", "%C2%B2", "1|", "|".join("1" * 60))
    return ("%00", "%FF|%FE", "%25_%5C|")


def test_sorts_of_every_field_page_through_without_a_break(app: Flask, twins: World) -> None:
    key = program(app, twins.summit)
    for entity, model in registry.entities().items():
        for name in queries.sortable(model):
            for sign in ("", "-") if entity == "contact" else ("-",):
                answer = key.get(f"/api/v1/{entity}/?sort={sign}{name}&limit=1")
                assert answer.status_code == 200, (entity, name)
                for way in ("next", "previous"):
                    cursor = answer.json[way]
                    if cursor:
                        assert (
                            key.get(f"/api/v1/{entity}/?sort={sign}{name}&limit=1&cursor={cursor}").status_code == 200
                        ), (entity, name)
