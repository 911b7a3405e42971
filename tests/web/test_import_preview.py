"""The preview of a large file: a job makes it, the page waits with or without script, and nobody loses anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services.imports import previews, run
from jobs import runner
from models.base import session
from models.contact import Contact
from models.job import Job
from models.privacy import ImportBatch
from tests.factories import Browser, World, sign_in
from tests.web.test_import_pages import BAD, accept, upload
from views.files import store

FILE = "Name,Email\n" + "".join(f"Person {n},person{n}@example.com\n" for n in range(30)) + ",not one\n"


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is large from ten rows on."""
    monkeypatch.setattr(previews, "AT_ONCE", 10)
    monkeypatch.setattr(run, "CHUNK", 10)


def asked(client: Browser) -> str:
    """The address of an import whose preview was just asked for."""
    where = str(upload(client, "all.csv", FILE.encode()).headers["Location"])
    assert accept(client, where).headers["Location"] == f"{where}/preview"
    return where


def kept_rows(app: Flask) -> set[Path]:
    """The files of rows to mend in the storage."""
    folder = Path(app.config["STORAGE_URL"].removeprefix("file://"))
    return {path for path in folder.rglob("*") if path.is_file() and b"Problem" in path.read_bytes()}


def test_a_broker_waits_for_the_preview_leaves_and_comes_back(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = asked(client)
    waiting = client.get(f"{where}/preview").get_data(as_text=True)
    assert "Preview of all.csv" in waiting and f'hx-get="{where}/progress"' in waiting
    assert re.search(rf'<noscript>.*href="{where}/preview"', waiting), "without script a link asks again"
    assert "preview being made" in client.get("/contacts/import").get_data(as_text=True)
    runner.drain(app)
    assert client.get(f"{where}/progress").headers["HX-Refresh"] == "true"
    past = client.get("/contacts/import").get_data(as_text=True)
    assert f'href="{where}/preview"' in past and "preview ready" in past, "the list leads back"
    preview = client.get(f"{where}/preview").get_data(as_text=True)
    assert "31 rows read" in preview and "Person 3" in preview and "Import 30 rows" in preview
    mend = client.get(f"{where}/problems.csv").get_data(as_text=True)
    assert "Problem" in mend and len(mend.splitlines()) == 2
    assert client.submit(f"{where}/start").headers["Location"] == where
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        batch = session.scalars(sa.select(ImportBatch)).one()
        assert (batch.state, batch.counts["created"], "preview" in batch.options) == ("done", 30, False)


def test_the_kept_preview_can_be_counted_again(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = asked(client)
    runner.drain(app)
    small = str(upload(client, "one.csv", b"Name,Email\nPerson 1,person1@example.com\n").headers["Location"])
    accept(client, small)
    client.submit(f"{small}/start")
    runner.drain(app)
    assert "Import 30 rows" in client.get(f"{where}/preview").get_data(as_text=True), "as it was counted"
    assert client.submit(f"{where}/preview").headers["Location"] == f"{where}/preview"
    runner.drain(app)
    assert "Import 29 rows" in client.get(f"{where}/preview").get_data(as_text=True)


def test_columns_chosen_anew_cancel_the_preview_and_drop_what_it_found(
    app: Flask, client: Browser, world: World
) -> None:
    sign_in(client, world.harbour.broker)
    where = asked(client)
    with app.app_context(), world.harbour.inside():
        first = session.scalars(sa.select(Job.id).where(Job.name == previews.JOB)).one()
    client.submit(where, {"map-0": "name", "map-1": "", "on_match": "fill"})
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        found = session.execute(sa.select(Job.id, Job.state).where(Job.name == previews.JOB))
        states = dict(list(found))
        assert states.pop(first) == "cancelled" and list(states.values()) == ["done"]
        batch = session.scalars(sa.select(ImportBatch)).one()
        kept = previews.of(batch)
        assert kept is not None and kept.job_id != first and {line.email for line in kept.lines} == {""}


def test_a_preview_that_nobody_waits_for_keeps_nothing(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where, before = asked(client), kept_rows(app)
    client.submit(f"{where}/start")
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        batch = session.scalars(sa.select(ImportBatch)).one()
        assert batch.state == "done" and "preview" not in batch.options
        assert session.scalar(sa.select(sa.func.count()).where(Contact.source_ref == f"import:{batch.id}")) == 30
    assert len(kept_rows(app) - before) == 1, "the rows to mend are kept once, those of the import"


def test_a_failed_preview_says_so_and_can_be_made_again(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = asked(client)
    with app.app_context(), world.harbour.inside():
        batch = session.scalars(sa.select(ImportBatch)).one()
        store().delete(batch.storage_key)
    runner.drain(app)
    failed = client.get(f"{where}/preview").get_data(as_text=True)
    assert "no longer kept" in failed and "Make the preview" in failed and "hx-get" not in failed


def test_without_a_preview_the_page_offers_to_make_one(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = str(upload(client, "all.csv", FILE.encode()).headers["Location"])
    page = client.get(f"{where}/preview").get_data(as_text=True)
    assert "There is no preview of these columns yet" in page and "Make the preview" in page
    assert client.get(f"{where}/problems.csv").status_code == 404
    with app.app_context(), world.harbour.inside():
        assert session.scalars(sa.select(Job)).all() == [], "looking at a page promises nothing"


def test_a_small_file_is_previewed_with_the_page(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = str(upload(client, "bad.csv", BAD.encode()).headers["Location"])
    accept(client, where)
    assert "rows read" in client.get(f"{where}/preview").get_data(as_text=True)
    with app.app_context(), world.harbour.inside():
        assert session.scalars(sa.select(Job)).all() == []


def test_outsiders_find_no_preview_and_ask_for_none(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = asked(client)
    other = app.test_client()
    assert isinstance(other, Browser)
    sign_in(other, world.summit.broker)
    assert other.get(f"{where}/preview").status_code == 404
    other.get("/contacts/import")
    assert other.submit(f"{where}/preview").status_code == 404
    with app.app_context(), world.summit.inside():
        assert session.scalars(sa.select(Job)).all() == []
