"""AI in the editor of a campaign: asked for there, polled, put among the blocks by a person, and named at the start."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import NotFound
from app.services import draft_uses, drafts, field_rights, records
from app.services.operation import operation
from jobs import runner
from models import scope
from models.ai import AiCall, AiDraft
from models.audit import Audit
from models.base import session
from models.campaign import Campaign, MailDesign
from models.workspace import Workspace
from tests.factories import SYSTEM, Browser, World, browser

BLOCKS = {"block": ["a1:text", "s1:signature"], "a1.text": "We have three new lofts by the river."}


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    with app.app_context(), world.harbour.inside(), operation("test.ai", actor=SYSTEM):
        session.get_one(Workspace, world.harbour.id).ai_enabled = True
    return browser(app, world.harbour.owner)


@pytest.fixture
def campaign(app: Flask, world: World) -> int:
    with app.app_context(), world.harbour.inside():
        given = {"name": "Lofts", "subject": 'Lofts for {{ contact.first_name | default("you") }}'}
        return int(records.create(Campaign, given, actor=world.harbour.actor("owner")).id)


def press(client: Browser, key: int, do: str, version: int, **typed: Any) -> Any:
    return client.submit(f"/campaigns/{key}/design", {**BLOCKS, "version": str(version), "do": do, **typed})


def job_of(page: str) -> int:
    found = re.search(r'name="draft" value="(\d+)"', page)
    assert found, page
    return int(found[1])


def blocks(app: Flask, world: World) -> list[dict[str, Any]]:
    with app.app_context(), world.harbour.inside():
        return list(session.scalars(sa.select(MailDesign.blocks)).one())


def test_a_draft_is_asked_for_polled_and_put_above_the_signature(
    app: Flask, world: World, owner: Browser, campaign: int
) -> None:
    page = owner.get(f"/campaigns/{campaign}/design").text
    assert 'value="ask:campaign_mail"' in page and 'value="ask:campaign_subjects"' in page
    asked = press(owner, campaign, "ask:campaign_mail", 0, wish="Viewing on Saturday").text
    job = job_of(asked)
    assert f'hx-get="/drafts/{job}?as=blocks"' in asked and f'value="stop:{job}"' in asked
    assert [one["kind"] for one in blocks(app, world)] == ["text", "signature"], "what was typed is saved first"
    runner.drain(app)
    card = owner.get(f"/drafts/{job}?as=blocks").text
    assert f'value="draft:{job}"' in card and "Viewing on Saturday" in card and "needs approval" in card
    assert f'value="draft:{job}"' in owner.get(f"/campaigns/{campaign}/design").text, "it waits there on another day"
    put = press(owner, campaign, f"draft:{job}", 1, draft=str(job)).text
    assert "The draft is in the e-mail now" in put and "Begun with a draft by Built-in template" in put
    made = blocks(app, world)
    assert [one["kind"] for one in made] == ["text", "heading", "text", "signature"]
    assert made[1]["text"] == "Lofts" and made[2]["text"].startswith("Hello {{ contact.goes_by }},")
    assert f'value="draft:{job}"' not in owner.get(f"/campaigns/{campaign}/design").text
    assert "Begun with a draft by Built-in template" in owner.get(f"/campaigns/{campaign}/send").text
    preview = owner.get(f"/campaigns/{campaign}/preview").text
    assert "Hello Sam," in preview and "Viewing on Saturday" in preview
    with app.app_context(), world.harbour.inside():
        [call] = session.scalars(sa.select(AiCall)).all()
        assert call.feature == "campaign_mail" and "campaign.name" in call.fields and call.outcome == "answered"
        assert session.scalars(sa.select(AiDraft.state)).one() == "used"
        assert {"draft.ask", "draft.use"} <= set(session.scalars(sa.select(Audit.action)))


def test_subject_lines_become_the_subject_or_the_second(
    app: Flask, world: World, owner: Browser, campaign: int
) -> None:
    empty = owner.submit(f"/campaigns/{campaign}/design", {"version": "0", "do": "ask:campaign_subjects"})
    assert empty.status_code == 422 and "the text you wrote" in empty.text
    job = job_of(press(owner, campaign, "ask:campaign_subjects", 1).text)
    runner.drain(app)
    card = owner.get(f"/drafts/{job}?as=blocks").text
    line = "We have three new lofts by the river"
    assert f'value="subject:{line}"' in card and f'value="second:{line}"' in card
    assert f"“{line}” is the subject now." in press(owner, campaign, f"subject:{line}", 2, draft=str(job)).text
    again = press(owner, campaign, f"second:News: {line}", 2, draft=str(job))
    assert f'value="second:{line}"' in again.text, "the lines stay for another choice"
    with app.app_context(), world.harbour.inside():
        found = session.get_one(Campaign, campaign)
        assert (found.subject, found.other_subject) == (line, f"News: {line}")
    dropped = press(owner, campaign, f"drop:{job}", 2, draft=str(job)).text
    assert "nothing was kept" in dropped and "subject:" not in dropped


def test_a_draft_can_be_stopped_while_it_is_written(app: Flask, world: World, owner: Browser, campaign: int) -> None:
    job = job_of(press(owner, campaign, "ask:campaign_mail", 0).text)
    stopped = press(owner, campaign, f"stop:{job}", 1, draft=str(job)).text
    assert "is being cancelled" in stopped
    runner.drain(app)
    assert "Cancelled" in press(owner, campaign, "look", 1, draft=str(job)).text
    with app.app_context(), world.harbour.inside():
        assert not session.scalars(sa.select(AiCall)).all()


def test_nobody_takes_what_is_not_theirs(app: Flask, world: World, owner: Browser, campaign: int) -> None:
    job = job_of(press(owner, campaign, "ask:campaign_mail", 0).text)
    runner.drain(app)
    admin, other = browser(app, world.harbour.admin), browser(app, world.summit.owner)
    for client in (admin, other):
        assert client.get(f"/drafts/{job}?as=blocks").status_code == 404
    assert press(admin, campaign, f"draft:{job}", 1).status_code == 404, "a colleague's draft"
    assert "draft:" not in admin.get(f"/campaigns/{campaign}/design").text
    assert press(other, campaign, "ask:campaign_mail", 1).status_code == 404
    assert owner.submit(f"/drafts/{job}/use", {"body": "x"}).status_code == 404, "no note of it about nobody"
    assert press(owner, campaign, "ask:email", 1).status_code == 404, "a draft about a contact is not asked for here"
    assert press(owner, campaign, "draft:999", 1).status_code == 404
    with app.app_context(), world.harbour.inside():
        session.expire_all()
        assert session.scalars(sa.select(AiDraft.state)).one() == "ready"
        actor = world.harbour.actor("owner")
        draft_uses.taken(job, actor=actor)
        with pytest.raises(NotFound):
            drafts.ask("campaign_mail", 999, actor=actor)


def test_what_a_role_does_not_see_is_not_handed_over_and_off_means_off(
    app: Flask, world: World, owner: Browser, campaign: int
) -> None:
    with app.app_context(), world.harbour.inside():
        field_rights.limit(world.harbour.broker.role_id, "campaign", {"preheader": "hidden"}, actor=SYSTEM)
        records.update(Campaign, campaign, {"preheader": "KANARI"}, actor=world.harbour.actor("owner"))
        with scope.seen_as(world.harbour.broker.role_id):
            drafts.ask("campaign_mail", campaign, actor=world.harbour.actor("broker"))
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        [call] = session.scalars(sa.select(AiCall)).all()
        assert "campaign.preheader" not in call.fields and "KANARI" not in str(
            session.scalars(sa.select(AiDraft.text)).all()
        )
    with app.app_context(), world.harbour.inside(), operation("test.ai", actor=SYSTEM):
        session.get_one(Workspace, world.harbour.id).ai_enabled = False
    assert "ask:campaign_mail" not in owner.get(f"/campaigns/{campaign}/design").text
    assert press(owner, campaign, "ask:campaign_mail", 0).status_code == 403
