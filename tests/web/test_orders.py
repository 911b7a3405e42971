"""Lists come in the order in which people work: tasks by what is late, stages as a deal goes through them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from itertools import chain

import pytest
from flask import Flask

from app.services import queries, records
from models.base import session
from models.contact import ContactTag, Tag
from models.deal import Deal, Pipeline, Stage
from models.fields import now
from models.work import Task
from tests.factories import Browser, World, sign_in

DAY = dt.timedelta(days=1)
# title, days from now, state; in an order that is none.
TASKS = (
    ("Next week", 7, "open"), ("Was done", -9, "done"), ("Some time", None, "open"), ("Late", -2, "open"),
    ("Tomorrow", 1, "open"), ("Whenever", None, "open"),
)  # fmt: skip
URGENT = ["Late", "Tomorrow", "Next week", "Some time", "Whenever", "Was done"]


@pytest.fixture
def tasks(app: Flask, world: World) -> int:
    """Dana's tasks; her id."""
    dana = world.harbour.contacts["Dana Whitcombe"]
    with app.app_context(), world.harbour.inside():
        for title, days, state in TASKS:
            due = None if days is None else now() + days * DAY
            values = {"title": title, "due_at": due, "state": state, "contact_id": dana}
            records.create(Task, values, actor=world.harbour.actor("owner"))
        session.remove()
    return dana


@pytest.fixture
def owner(client: Browser, world: World) -> Browser:
    sign_in(client, world.harbour.owner)
    return client


def shown(client: Browser, url: str) -> list[str]:
    page = client.get(url).get_data(as_text=True)
    known = "|".join(title for title, _days, _state in TASKS)
    return re.findall(rf"<a [^>]*>({known})</a>", page)


def test_the_menu_leads_to_what_is_to_be_done_the_latest_first(owner: Browser, tasks: int) -> None:
    page = owner.get("/").get_data(as_text=True)
    (link,) = set(re.findall(r'href="(/tasks/\?[^"]+)"', page))
    assert shown(owner, link.replace("&amp;", "&")) == URGENT[:-1]
    tabs = owner.get(link.replace("&amp;", "&")).get_data(as_text=True)
    assert re.search(r'aria-current="page">To do', tabs) and ">Done</a>" in tabs and ">All</a>" in tabs


def test_the_tasks_of_a_contact_are_in_order_on_its_page_and_in_its_tab(owner: Browser, tasks: int) -> None:
    assert shown(owner, f"/contacts/{tasks}") == URGENT[:5]
    assert shown(owner, f"/contacts/{tasks}?tab=related-task") == URGENT


@pytest.mark.parametrize("sort", ["due_at", "-due_at"])
def test_pages_of_dates_that_may_be_empty_lead_there_and_back(app: Flask, world: World, tasks: int, sort: str) -> None:
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("owner")
        query = queries.ListQuery(Task, ("title",), sort=sort, limit=2)
        whole = [row[1] for row in queries.page(queries.ListQuery(Task, ("title",), sort=sort), actor=actor).rows]
        ahead, cursor = [], ""
        while cursor is not None:
            page = queries.page(replace(query, cursor=cursor), actor=actor)
            ahead.append([row[1] for row in page.rows])
            cursor, back = page.next, page.previous
        behind = ahead[-1:]
        while back is not None:
            page = queries.page(replace(query, cursor=back), actor=actor)
            behind.insert(0, [row[1] for row in page.rows])
            back = page.previous
    assert [*chain(*ahead)] == [*chain(*behind)] == whole
    assert sorted(whole[-2:]) == ["Some time", "Whenever"], "what has no date comes last"


@pytest.fixture
def stages(app: Flask, world: World) -> dict[str, int]:
    """A second pipeline, and two deals: one in each."""
    with app.app_context(), world.harbour.inside():
        actor = world.harbour.actor("owner")
        rentals = records.create(Pipeline, {"name": "Lettings"}, actor=actor)
        for name, position in (("Signed", 3), ("Inquiry", 1), ("Viewed", 2)):
            made = records.create(Stage, {"name": name, "position": position, "pipeline_id": rentals.id}, actor=actor)
        values = {"title": "Flat 4", "contact_id": world.harbour.contacts["Dana Whitcombe"], "stage_id": made.id}
        found = {"stage": made.id, "deal": records.create(Deal, values, actor=actor).id}
        session.remove()
    return found


def test_the_stages_of_a_deal_are_those_of_its_pipeline_in_order(owner: Browser, stages: dict[str, int]) -> None:
    form = owner.get(f"/deals/{stages['deal']}/edit").get_data(as_text=True)
    assert f'data-combo="/stages/picker?beside={stages["stage"]}"' in form
    items = owner.get(f"/stages/picker?beside={stages['stage']}").get_json()["items"]
    assert [(one["title"], one["sub"]) for one in items] == [
        ("Inquiry", "Lettings"), ("Viewed", "Lettings"), ("Signed", "Lettings"),
    ]  # fmt: skip


def test_a_new_deal_and_a_filter_choose_from_all_pipelines_each_in_order(
    owner: Browser, stages: dict[str, int]
) -> None:
    items = owner.get("/stages/picker").get_json()["items"]
    assert [one["title"] for one in items][-3:] == ["Inquiry", "Viewed", "Signed"]
    assert len({one["sub"] for one in items[:-3]}) == 1
    typed = owner.get(f"/stages/picker?beside={stages['stage']}&q=New").get_json()["items"]
    assert [one["sub"] for one in typed] != ["Lettings"], "typing finds those of the other pipelines, too"


def test_a_stage_of_the_neighbours_opens_no_list_of_theirs(
    client: Browser, world: World, stages: dict[str, int]
) -> None:
    sign_in(client, world.summit.owner)
    items = client.get(f"/stages/picker?beside={stages['stage']}").get_json()["items"]
    assert items and "Lettings" not in {one["sub"] for one in items}


def test_a_tag_and_a_team_show_who_belongs_to_them(app: Flask, owner: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        tag = records.create(Tag, {"name": "Waterfront"}, actor=actor).id
        dana, eli = office.contacts["Dana Whitcombe"], office.contacts["Eli Moreno"]
        records.create(ContactTag, {"contact_id": dana, "tag_id": tag}, actor=actor)
        gone = records.create(ContactTag, {"contact_id": eli, "tag_id": tag}, actor=actor)
        records.delete(ContactTag, gone.id, actor=actor)
        session.remove()
    for url in (f"/tags/{tag}", f"/tags/{tag}?tab=related-contact"):
        page = owner.get(url).get_data(as_text=True)
        assert f'href="/contacts/{dana}">Dana Whitcombe</a>' in page and "Eli Moreno" not in page, url
    team = office.teams["east"]
    page = owner.get(f"/teams/{team}").get_data(as_text=True)
    assert ">Ada Agent</a>" in page and ">Stella West</a>" not in page and ">Dana Whitcombe</a>" in page
    page = owner.get(f"/teams/{team}?tab=related-membership").get_data(as_text=True)
    assert ">Carl Colleague</a>" in page and ">Stella West</a>" not in page


def test_an_agent_sees_of_a_tag_what_the_role_reaches(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor = office.actor("owner")
        tag = records.create(Tag, {"name": "Waterfront"}, actor=actor).id
        for contact in office.contacts.values():
            records.create(ContactTag, {"contact_id": contact, "tag_id": tag}, actor=actor)
        session.remove()
    sign_in(client, office.agent)
    seen = re.findall(r'href="/contacts/\d+">([^<]+)</a>', client.get(f"/tags/{tag}").get_data(as_text=True))
    listed = client.get("/contacts/").get_data(as_text=True)
    assert sorted(seen) == sorted(
        name for name in office.contacts if f">{name}</a>" in listed or f"</i>{name}" in listed
    )
    assert "Faye Okafor" not in seen
