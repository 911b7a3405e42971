"""Campaigns through their pages: written without script, started by who may, followed, and open to nobody else."""

from __future__ import annotations

import email
import io
import json
import re
from email.policy import default
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from app.services.operation import operation
from jobs import runner
from models import scope
from models.base import session
from models.campaign import Campaign, MailDesign
from models.stored_file import StoredFile
from models.workspace import Workspace
from tests.factories import SYSTEM, Browser, World, sign_in

SUBJECT = 'Homes for {{ contact.first_name | default("you") }}'


@pytest.fixture
def office(app: Flask, world: World, tmp_path: Path) -> int:
    app.config["SMTP_URL"] = f"sink://{tmp_path / 'outbox'}"
    with app.app_context(), world.harbour.inside(), operation("test.address", actor=SYSTEM):
        session.get_one(Workspace, world.harbour.id).address = "1 Quay Street, Portland"
    return world.harbour.id


def new_campaign(browser: Browser, name: str = "May") -> str:
    answer = browser.submit("/campaigns/new", {"name": name, "subject": SUBJECT, "sender": "me"})
    assert answer.status_code == 302, answer.text[-2000:]
    found = re.search(r"/campaigns/\d+", answer.location)
    assert found is not None
    return found[0]


def add(browser: Browser, path: str, kind: str, **members: str) -> str:
    """A block more, with its members; returns its id."""
    before = form_of(browser.get(f"{path}/design").text)
    page = browser.post(f"{path}/design", data={"csrf_token": browser.token, **before, "do": f"add:{kind}"}).text
    typed = form_of(page)
    key = typed["block"][-1].partition(":")[0]
    typed |= {f"{key}.{name}": value for name, value in members.items()}
    answer = browser.post(f"{path}/design", data={"csrf_token": browser.token, **typed})
    assert answer.status_code == 303, answer.text[-1500:]
    return key


def form_of(page: str) -> dict[str, str | list[str]]:
    """What the form of the editor would send."""
    inputs = dict(re.findall(r'<input[^>]* name="([0-9a-f]+\.\w+|version)"[^>]* value="([^"]*)"', page))
    texts = {name: text.lstrip("\n") for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)<', page)}
    return {
        **{name: value.replace("&#34;", '"') for name, value in inputs.items()},
        **{name: text.replace("&#34;", '"') for name, text in texts.items()},
        "block": re.findall(r'name="block" value="([^"]+)"', page),
    }


def written(browser: Browser) -> str:
    path = new_campaign(browser)
    add(browser, path, "text", text='Dear {{ contact.first_name | default("friend") }}, hello.')
    browser.submit(f"{path}/audience", {"audience": "all"}, page=f"{path}/send")
    return path


def start(browser: Browser, path: str) -> str:
    page = browser.get(f"{path}/start").text
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None
    answer = browser.post(f"{path}/start", data={"csrf_token": browser.token, "version": version[1]})
    assert answer.status_code == 303, answer.text[-1500:]
    return str(answer.location)


def test_it_is_written_started_and_followed_without_script(
    app: Flask, client: Browser, world: World, office: int, tmp_path: Path
) -> None:
    sign_in(client, world.harbour.owner)
    path = written(client)
    assert "No field is empty for anybody." in client.get(f"{path}/check").text
    report = start(client, path)
    assert 'hx-trigger="every 2s"' in client.get(report).text
    runner.drain(app)
    page = client.get(report).text
    assert "Sent by hour" in page and 'hx-trigger="every 2s"' not in page
    mails = list((tmp_path / "outbox").glob("*.eml"))
    assert mails and f"{len(mails)} of {len(mails)} e-mails are through" in page
    listed = re.search(r'href="(/messages/\?f=campaign_id[^"]+state[^"]+)"', page)
    assert listed is not None and "Homes for" in client.get(listed[1].replace("&amp;", "&")).text
    assert client.get(f"{path}/design").status_code == 409
    assert client.get(f"{path}/send").location.endswith("/report")


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(client: Browser, world: World, office: int) -> None:
    sign_in(client, world.harbour.owner)
    path = new_campaign(client)
    key = add(client, path, "button", label="Go", url="https://harbor.example")
    typed = form_of(client.get(f"{path}/design").text) | {
        f"{key}.url": "javascript:alert(1)",
        f"{key}.label": "Go {{ x",
    }
    answer = client.post(f"{path}/design", data={"csrf_token": client.token, **typed})
    assert answer.status_code == 422 and "javascript:alert(1)" in answer.text and "Go {{ x" in answer.text
    program = client.post(
        f"{path}/design", data={"csrf_token": client.token, **typed}, headers={"Accept": "application/json"}
    )
    assert program.status_code == 422 and key in program.json["errors"]
    stale = typed | {f"{key}.url": "https://harbor.example", f"{key}.label": "Go", "version": "1"}
    assert client.post(f"{path}/design", data={"csrf_token": client.token, **stale}).status_code == 409
    for nonsense in ("{", "[1]", json.dumps([{"id": "x", "kind": "script"}])):
        taken_back = {"csrf_token": client.token, **typed, "do": "back:x", "was": nonsense}
        assert client.post(f"{path}/design", data=taken_back).status_code in (400, 422)
    assert "Mend it" in client.get(f"{path}/send").text


def test_an_agent_writes_and_asks_and_does_not_start(client: Browser, world: World, office: int) -> None:
    sign_in(client, world.harbour.agent)
    path = written(client)
    page = client.get(f"{path}/send").text
    assert "Ask for approval" in page and f'href="{path}/start"' not in page
    assert client.get(f"{path}/start").status_code == 403
    assert client.post(f"{path}/start", data={"csrf_token": client.token, "version": "9"}).status_code == 403
    assert client.submit(f"{path}/ask", page=f"{path}/send").status_code == 303
    sign_in(client, world.harbour.owner)
    assert "What is to be changed" in client.get(f"{path}/send").text
    client.submit(f"{path}/back", {"remark": "Shorter"}, page=f"{path}/send")
    sign_in(client, world.harbour.agent)
    assert "Shorter" in client.get(f"{path}/send").text


def picture_of(size: tuple[int, int]) -> io.BytesIO:
    file = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(file, "PNG")
    file.seek(0)
    return file


def test_a_picture_is_made_small_and_shown_to_readers_and_no_other_file_is(
    app: Flask, client: Browser, world: World, office: int
) -> None:
    sign_in(client, world.harbour.owner)
    path = new_campaign(client)
    key = add(client, path, "image", alt="Noise")
    typed = form_of(client.get(f"{path}/design").text)
    answer = client.post(
        f"{path}/picture",
        data={"csrf_token": client.token, **typed, "into": key, f"{key}.file": (picture_of((1600, 400)), "../x.png")},
    )
    assert answer.status_code == 200, answer.text[-1500:]
    address = re.search(r'src="(/p/mail/picture/[^"]+)"', answer.text)
    assert address is not None
    stranger: Browser = app.test_client()  # type: ignore[assignment]
    shown = stranger.get(address[1])
    assert shown.mimetype in ("image/png", "image/jpeg") and len(shown.data) <= 1_000_000
    assert Image.open(io.BytesIO(shown.data)).size[0] == 1200
    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert stranger.get(address[1][:-1] + "x").status_code == 410
    with app.app_context(), scope.inside(office), operation("test.role", actor=SYSTEM):
        session.scalars(sa.select(StoredFile).where(StoredFile.role == "mail")).one().role = "document"
    assert stranger.get(address[1]).status_code == 404
    refused = client.post(
        f"{path}/picture",
        data={"csrf_token": client.token, **typed, "into": key, f"{key}.file": (io.BytesIO(b"<svg/>"), "x.svg")},
    )
    assert refused.status_code == 422


def test_the_picture_of_another_brokerage_is_placed_by_nobody(
    app: Flask, client: Browser, world: World, office: int
) -> None:
    with app.app_context(), scope.inside(world.summit.id), operation("test.picture", actor=SYSTEM):
        theirs = StoredFile(name="x.png", mime="image/png", role="mail", source="test", created_by="t", storage_key="k")
        session.add(theirs)
        session.flush()
        key = theirs.id
    sign_in(client, world.harbour.owner)
    path = new_campaign(client)
    block = add(client, path, "image")
    typed = form_of(client.get(f"{path}/design").text) | {f"{block}.picture": str(key)}
    answer = client.post(f"{path}/design", data={"csrf_token": client.token, **typed})
    assert answer.status_code == 422 and "This picture is gone" in answer.text


def test_a_browser_shows_a_started_campaign_without_its_reader(
    app: Flask, client: Browser, world: World, office: int, tmp_path: Path
) -> None:
    sign_in(client, world.harbour.owner)
    path = written(client)
    start(client, path)
    runner.drain(app)
    mail = email.message_from_bytes(next((tmp_path / "outbox").glob("*.eml")).read_bytes(), policy=default)
    html = mail.get_body(("html",)).get_content()
    link = re.search(r'href="[^"]*(/p/mail/read/[^"]+)"', html)
    assert link is not None
    stranger: Browser = app.test_client()  # type: ignore[assignment]
    page = stranger.get(link[1])
    assert page.status_code == 200 and "Dear friend" in page.text and mail["To"].split("@")[0] not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"] and page.headers["X-Robots-Tag"] == "noindex"
    with app.app_context(), scope.inside(office), operation("test.unfreeze", actor=SYSTEM):
        session.scalars(sa.select(MailDesign)).one().frozen = None
    assert stranger.get(link[1]).status_code == 410


def test_templates_are_kept_and_begun_with(app: Flask, client: Browser, world: World, office: int) -> None:
    sign_in(client, world.harbour.owner)
    path = written(client)
    answer = client.submit(f"{path}/as-template", {"name": "Monthly"}, page=f"{path}/design")
    assert answer.status_code == 303
    other = new_campaign(client, "June")
    page = client.get(f"{other}/design").text
    chosen = re.search(r'<option value="(\d+)">Monthly</option>', page)
    assert chosen is not None
    begun = client.post(
        f"{other}/design",
        data={"csrf_token": client.token, **form_of(page), "do": "template", "template": chosen[1]},
    ).text
    assert "hello." in begun
    assert client.get(f"/templates/{chosen[1]}/design").status_code == 200
    with app.app_context(), scope.inside(office):
        assert session.scalar(sa.select(sa.func.count()).select_from(Campaign)) == 2
