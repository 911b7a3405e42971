"""Why somebody may or may not do something, asked on the page: the owner about anybody, everybody about themselves."""

from __future__ import annotations

import html

from flask import Flask

from app.services import field_rights, members, schema
from tests.factories import SYSTEM, Browser, World, sign_in


def text_of(client: Browser, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer.text[-600:]
    return html.unescape(answer.text)


def test_an_owner_learns_why_an_agent_does_not_reach_a_colleagues_contact(client: Browser, world: World) -> None:
    office = world.harbour
    sign_in(client, office.owner)
    record = office.contacts["Eli Moreno"]
    assert f"entity=contact&act=write&record={record}" in text_of(client, f"/contacts/{record}")
    assert f"/settings/roles/why?member={office.agent.membership_id}" in text_of(client, "/settings/members")
    base = f"/settings/roles/why?member={office.agent.membership_id}&entity=contact&record={record}"
    shown = text_of(client, f"{base}&act=write")
    assert "Ada Agent may not change the contact “Eli Moreno”." in shown
    assert "The role Agent includes “read” on contacts: those they own." in shown
    assert "The contact “Eli Moreno” belongs to Carl Colleague, not to Ada Agent." in shown
    own = f"/settings/roles/why?member={office.agent.membership_id}&entity=contact&act=write"
    assert "Ada Agent may change the contact “Dana Whitcombe”." in text_of(
        client, f"{own}&record={office.contacts['Dana Whitcombe']}"
    )
    team = f"/settings/roles/why?member={office.assistant.membership_id}&entity=contact&act=write"
    assert "it is of the team East office, where Amy Assist is too" in text_of(client, f"{team}&record={record}")
    other = text_of(client, f"{team}&record={office.contacts['Faye Okafor']}")
    assert "it is of the team West office; Amy Assist is in East office" in other


def test_without_a_script_a_record_is_found_by_its_name(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    base = f"/settings/roles/why?member={world.harbour.agent.membership_id}&entity=contact&act=read"
    assert "may not read the contact “Faye Okafor”" in text_of(client, f"{base}&record-text=faye")
    several = text_of(client, f"{base}&record-text=o")
    assert "Which one?" in several and f"&record={world.harbour.contacts['Eli Moreno']}" in several
    assert 'id="verdict"' not in several
    assert "Nothing that you can see is called “zebra”" in text_of(client, f"{base}&record-text=zebra")
    moved = base.replace("entity=contact", "entity=deal")
    record = world.harbour.contacts["Eli Moreno"]
    assert "Ada Agent may read deals." in text_of(client, f"{moved}&of=contact&record={record}&record-text=Eli")


def test_a_limited_field_and_one_who_left(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        field_rights.limit(office.agent.role_id, "contact", {"budget_max": schema.HIDDEN}, actor=SYSTEM)
        members.remove(office.stranger.membership_id, actor=SYSTEM)
    sign_in(client, office.owner)
    base = "/settings/roles/why?entity=contact"
    shown = text_of(client, f"{base}&member={office.agent.membership_id}&act=see&field=budget_max")
    assert "The role Agent does not see the field “Budget" in shown and "Ada Agent may not see the field" in shown
    gone = text_of(client, f"{base}&member={office.stranger.membership_id}&act=read")
    assert "Stella West (left)" in gone and "Stella West is no longer a member" in gone
    never = text_of(client, f"/settings/roles/why?member={office.agent.membership_id}&entity=membership&act=delete")
    assert "Nobody may: people are not deleted" in never


def test_a_refused_page_leads_to_the_reason(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    client.get("/")
    answer = client.submit("/contacts/export.csv")
    assert answer.status_code == 403
    assert "/settings/roles/why?entity=contact&amp;act=export" in answer.text
    shown = text_of(client, "/settings/roles/why?entity=contact&act=export")
    assert "Ada Agent may not export contacts." in shown
    assert "The role Agent does not include “export” on contacts." in shown


def test_who_may_not_read_roles_asks_about_themselves_alone(client: Browser, world: World) -> None:
    office = world.harbour
    sign_in(client, office.agent)
    shown = text_of(client, f"/settings/roles/why?member={office.colleague.membership_id}&entity=contact&act=read")
    assert "Ada Agent may read contacts." in shown and "Carl Colleague" not in shown
    hidden = office.contacts["Eli Moreno"]
    answer = text_of(client, f"/settings/roles/why?entity=contact&act=read&record={hidden}", 404)
    assert "it is not yours to see" in answer and "Eli" not in answer and "Carl" not in answer
    assert "Who may do what" not in text_of(client, f"/contacts/{office.contacts['Dana Whitcombe']}")


def test_the_other_brokerage_is_never_explained(client: Browser, world: World) -> None:
    theirs, ours = world.summit, world.harbour
    sign_in(client, ours.owner)
    member = f"/settings/roles/why?member={theirs.agent.membership_id}&entity=contact&act=read"
    assert "Olive Owen may read contacts." in text_of(client, member)
    record = theirs.contacts["Eli Moreno"]
    base = f"/settings/roles/why?member={ours.agent.membership_id}&entity=contact&act=read&record={record}"
    assert "Eli Moreno" not in text_of(client, base, 404)
