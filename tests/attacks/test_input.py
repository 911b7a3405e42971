"""Input that no form sends: it is refused in words, never breaks a page, and above all no page of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.factories import Browser, World, sign_in
from tests.web.test_events import key_of, post
from tests.web.test_identity_keys import bearer, make

HUGE = "9" * 30
LONGER = "9" * 5000
ODD = ("²", "٣²", HUGE, LONGER, "-1", "1e3", "")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_one_time_without_a_name_does_not_break_every_list(
    app: Flask, client: Browser, world: World, moment: str
) -> None:
    """An agent's program writes a task at the edge of the calendar; its owner's zone has no such day."""
    key = make(app, world.harbour, "agent", ("task:read", "task:write", "activity:read", "activity:write"))
    task = {"title": "Far away", "due_at": moment}
    assert client.post("/api/v1/task/", json=task, headers=bearer(key)).status_code == 422
    talk = {"title": "Far away", "happened_at": moment}
    assert client.post("/api/v1/activity/", json=talk, headers=bearer(key)).status_code == 422
    sign_in(client, world.harbour.agent)
    for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
        client.submit("/account/look", {"zone": zone}, page="/account/")
        assert [client.get(page).status_code for page in ("/", "/tasks/", "/activities/")] == [200] * 3


@pytest.mark.parametrize("odd", ODD)
def test_numbers_that_are_none_break_no_page(app: Flask, client: Browser, world: World, odd: str) -> None:
    sign_in(client, world.harbour.owner)
    dana = world.harbour.contacts["Dana Whitcombe"]
    pages = (
        f"/contacts/?edit={odd}", f"/contacts/?ff=owner_id&fo=is&fv={odd}", f"/contacts/?ff=name&fo=is&fv=x&fi={odd}",
        f"/contacts/new?owner_id={odd}", f"/contacts/{dana}?draft={odd}", f"/compliance/?person={odd}",
        f"/compliance/?record={odd}", f"/compliance/changes/?record_id={odd}",
    )  # fmt: skip
    assert [page[:40] for page in pages if client.get(page).status_code >= 500] == []
    edit = f"/contacts/{dana}/edit"
    row = {"contact_email-count": "1", "contact_email-0-address": "dana2@example.com"}
    sent: tuple[tuple[str, dict[str, Any]], ...] = (
        (edit, {"name": "Dana", "version": odd}), (edit, {"name": "Dana", "tags": odd}),
        (edit, {"name": "Dana", "contact_email-count": odd}),
        (edit, {"name": "Dana", **row, "contact_email-0-id": odd}),
        (edit, {"name": "Dana", "picked": f"tags={odd}"}), (edit, {"name": "Dana", "picked": f"owner_id={odd}"}),
        (edit, {"name": "", "owner_id": odd}), ("/contacts/bulk/tag", {"ids": odd}),
        ("/contacts/bulk/tag", {"ids": str(dana), "tag": odd}), ("/settings/members/invite", {"role_id": odd}),
        ("/settings/workspace", {"version": odd}), ("/account/keys/new", {"days": odd, "name": "x"}),
    )  # fmt: skip
    client.get(edit)
    assert [(url, list(form)) for url, form in sent if client.submit(url, form).status_code >= 500] == []


def test_an_id_past_every_key_is_not_found(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    pages = (
        "jobs/{}",
        "jobs/{}/progress",
        "drafts/{}",
        "settings/roles/{}",
        "contacts/import/{}",
        "compliance/audit/{}",
    )
    assert {page: client.get(f"/{page.format(HUGE)}").status_code for page in pages} == dict.fromkeys(pages, 404)
    client.get("/contacts/")
    verbs = ("jobs/{}/retry", "changes/{}/undo", "contacts/{}/restore", "account/keys/{}/revoke", "messages/{}/send")
    assert {verb: client.submit(f"/{verb.format(HUGE)}").status_code for verb in verbs} == dict.fromkeys(verbs, 404)


@pytest.mark.parametrize(
    "page",
    ["/compliance/?until=9999-12-31", "/compliance/?since=0001-01-01",
     "/contacts/?f=created_at:after:0001-01-01T00:00%2B00:00",
     "/contacts/1?before=0001-01-01T00:00:00%2B14:00", "/contacts/1?before=9999-12-31T23:59:59-14:00"],
)  # fmt: skip
def test_the_edges_of_the_calendar_break_no_page(app: Flask, client: Browser, world: World, page: str) -> None:
    sign_in(client, world.harbour.owner)
    assert client.get(page).status_code == 200


@pytest.mark.parametrize("page", ["/p/har%00bour/contact", "/search/?q=%00", "/contacts/?q=a%00", "/privacy/%00"])
def test_nul_is_no_text(app: Flask, client: Browser, world: World, page: str) -> None:
    sign_in(client, world.harbour.owner)
    assert client.get(page).status_code == 400
    dana = f"/contacts/{world.harbour.contacts['Dana Whitcombe']}"
    assert client.submit(f"{dana}/note", {"body": "a\0b"}, page=dana).status_code == 400


@pytest.mark.parametrize("depth", [200, 260, 900])
def test_an_event_nested_without_end_is_refused_in_words(app: Flask, client: Browser, world: World, depth: int) -> None:
    key = key_of(app, world.harbour)
    deep: Any = b'{"id":"e","person":{"email":"a@example.com"},"x":' + b"[" * depth + b"]" * depth + b"}"
    answer = client.post("/v1/events", data=deep, content_type="application/json", headers=bearer(key))
    assert answer.status_code == (202 if depth < 250 else 422), answer.text
    for odd in ("e\0x", "x" * 201):
        assert post(client, key, {"id": odd, "person": {"email": "b@example.com"}}).status_code == 422
    assert post(client, key).status_code == 202
