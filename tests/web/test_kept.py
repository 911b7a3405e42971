"""What one request leaves ready for the next (statements, drawn parts) never answers for it: other words, other values,
other people, other brokerages each get their own.
"""

from __future__ import annotations

import re

import pytest
from flask import Flask

from app.services import records
from models.contact import Contact, ContactEmail
from tests.contracts.conftest import program
from tests.factories import SYSTEM, Browser, Office, Person, World, sign_in

_NAMES = re.compile(r"<td role=cell class=k2><a href=\d+(?: data-i=\w+)?>([^<]+)</a>")
HOLE = "\ue000"


@pytest.fixture
def filled(app: Flask, world: World) -> World:
    """Each brokerage with a buyer and a seller of the agent, and a stranger's; budgets apart."""
    for office in (world.harbour, world.summit):
        for number, (kind, who) in enumerate((("buyer", "agent"), ("seller", "agent"), ("buyer", "stranger"))):
            facts = {"type": kind, "owner_id": office.people[who].membership_id, "budget_max": 100_00 * (number + 1)}
            _add(app, office, name=f"Marta {kind.title()} of {who} in {office.slug}", **facts)
    return world


def _add(app: Flask, office: Office, **values: object) -> int:
    with app.app_context(), office.inside():
        return int(records.create(Contact, values, actor=SYSTEM).id)


def _names(client: Browser, view: str) -> list[str]:
    return sorted(_NAMES.findall(client.get(f"/contacts/?{view}").get_data(as_text=True)))


def _browser(app: Flask, person: Person) -> Browser:
    made = app.test_client()
    assert isinstance(made, Browser)
    sign_in(made, person)
    return made


@pytest.mark.parametrize(
    ("view", "other"),
    [
        ("q=marta+buyer", "q=marta+seller"),
        ("q=buyer&f=type:is:buyer", "q=seller&f=type:is:seller"),
        ("f=type:is:buyer&f=name:contains:marta", "f=type:is:seller&f=name:contains:marta"),
        ("f=budget_max:between:150|250", "f=budget_max:between:350|250"),
        ("f=name:contains:Bu_er", "f=name:contains:buyer"),
        ("f=type:not:buyer&f=name:starts:Marta", "f=type:not:seller&f=name:starts:Marta"),
    ],
)
def test_the_same_question_with_other_words_gets_its_own_answer(
    app: Flask, filled: World, view: str, other: str
) -> None:
    owner = _browser(app, filled.harbour.owner)
    first, second = _names(owner, view), _names(owner, other)
    assert first != second
    assert (_names(owner, view), _names(owner, other)) == (first, second)


@pytest.mark.parametrize("view", ["q=marta", "q=marta&f=type:is:buyer", "f=name:contains:marta", "q=ma"])
def test_each_gets_the_records_within_their_own_reach(app: Flask, filled: World, view: str) -> None:
    cast = [("owner", {"agent", "stranger"}), ("agent", {"agent"}), ("stranger", {"stranger"})]
    for office in (filled.harbour, filled.summit, filled.harbour):
        for who, seen in cast:
            page = _browser(app, office.people[who]).get(f"/contacts/?{view}").get_data(as_text=True)
            found = [name for name in _NAMES.findall(page) if name.startswith("Marta")]
            assert {name.rsplit(" ", 3)[1] for name in found} == seen
            assert {name.rsplit(" ", 1)[1] for name in found} == {office.slug}
            assert f'id="count" data-count>{len(_NAMES.findall(page))}<' in page


def test_an_assistant_searches_the_records_of_the_team(app: Flask, filled: World) -> None:
    assistant = _browser(app, filled.harbour.assistant)
    found = _names(assistant, "q=marta")
    assert len(found) == 2
    assert all("of agent" in name for name in found)


def test_a_form_shows_each_record_its_own_values(app: Flask, filled: World) -> None:
    hostile = '"><script>alert(1)</script>'
    first = _add(app, filled.harbour, name="Plain Person", company=hostile, next_step=f"a{HOLE}b", stage="active")
    second = _add(app, filled.harbour, name="Other Person", minor_authority="Her mother", stage="lost")
    with app.app_context(), filled.harbour.inside():
        records.create(ContactEmail, {"contact_id": first, "address": "plain@example.org"}, actor=SYSTEM)
    owner = _browser(app, filled.harbour.owner)
    for _ in range(2):
        plain, other = (owner.get(f"/contacts/{key}/edit").get_data(as_text=True) for key in (first, second))
        assert "<script>alert" not in plain
        assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in plain
        assert f'value="a{HOLE}b"' in plain
        assert 'value="plain@example.org"' in plain
        assert '<option value="active" selected>' in plain
        assert 'value="Her mother"' in other
        assert '<option value="lost" selected>' in other
        assert "plain@example.org" not in other
        assert HOLE not in other


def test_a_list_escapes_what_was_typed(app: Flask, filled: World) -> None:
    _add(app, filled.harbour, name="<b>Bold</b> & Co", next_step=f"one{HOLE}two <i>")
    page = _browser(app, filled.harbour.owner).get("/contacts/?q=Bold").get_data(as_text=True)
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; Co" in page
    assert f"one{HOLE}two &lt;i&gt;" in page
    assert "<b>Bold" not in page


def test_news_that_nobody_reads_does_not_pile_up(app: Flask, filled: World) -> None:
    owner = _browser(app, filled.harbour.owner)
    owner.get("/contacts/new")
    for number in range(8):
        data = {"csrf_token": owner.token, "name": f"Person {number}", "type": "buyer", "stage": "new"}
        assert owner.post("/contacts/new", data=data | {"lawful_basis": "consent"}).status_code == 302
    page = owner.get("/contacts/").get_data(as_text=True)
    assert page.count("saved</span>") == 5
    assert "Person 7” saved" in page
    assert "saved</span>" not in owner.get("/contacts/").get_data(as_text=True)


def test_a_program_is_told_what_was_stored(app: Flask, filled: World) -> None:
    keyed = program(app, filled.harbour)
    made = keyed.post("/api/v1/contact/", json={"name": "Pat Program", "budget_max": 5, "birthday": "1980-02-03"})
    url = made.headers["Location"]
    assert made.get_json() == keyed.get(url).get_json()
    changed = keyed.patch(url, json={"name": "Pat Changed"})
    assert changed.get_json() == keyed.get(url).get_json()
    assert changed.get_json()["version"] == 2
