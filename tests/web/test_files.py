"""Files of contacts and deals: added, fetched in parts, refused with a reason, out of sight for others, gone for
good."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from PIL import Image

from app.adapters import storage
from app.services import housekeeping, records
from app.services.upload_archives import EICAR
from jobs import runner
from models import scope
from models.base import session
from models.deal import Deal, Stage
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.stored_file import StoredFile
from tests.factories import SYSTEM, Browser, Office, Person, World, sign_in
from views import files as view

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#1f5d47").save(out, kind)
    return out.getvalue()


def upload(
    client: Browser, office: Office, content: bytes, name: str, contact: str = "Dana Whitcombe", **headers: str
) -> Any:
    url = f"/files/upload?contact_id={office.contacts[contact]}"
    client.get("/contacts/")
    data = {"csrf_token": client.token, "file": (io.BytesIO(content), name)}
    return client.post(url, data=data, content_type="multipart/form-data", headers=headers)


def agent(app: Flask, person: Person) -> Browser:
    made = app.test_client()
    assert isinstance(made, Browser)
    sign_in(made, person)
    return made


def rows(app: Flask, office: Office) -> list[StoredFile]:
    with app.app_context(), office.inside():
        return list(session.scalars(sa.select(StoredFile).order_by(StoredFile.id)))


def store(app: Flask) -> storage.Storage:
    return storage.connect(app.config["STORAGE_URL"], purpose=Purpose.RUN_TRANSACTIONS)


def bytes_kept(app: Flask) -> int:
    folder = Path(app.config["STORAGE_URL"].removeprefix("file://"))
    return sum(1 for path in folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def _own_folder(app: Flask, tmp_path: Path) -> None:
    app.config["STORAGE_URL"] = f"file://{tmp_path / 'files'}"


def test_an_agent_adds_a_file_and_fetches_it(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    answer = upload(client, world.harbour, PDF, "Offer Müller.pdf")
    assert (answer.status_code, answer.location) == (303, f"/contacts/{world.harbour.contacts['Dana Whitcombe']}")
    (made,) = rows(app, world.harbour)
    assert (made.name, made.mime, made.size, made.sha256) == (
        "Offer Müller.pdf",
        "application/pdf",
        len(PDF),
        hashlib.sha256(PDF).hexdigest(),
    )
    assert (made.source, made.created_by, made.owner_id) == ("upload", "Ada Agent", world.harbour.agent.membership_id)
    page = client.get(answer.location).text
    assert "Offer Müller.pdf" in page and f"/files/{made.id}/download" in page and "added" in page
    got = client.get(f"/files/{made.id}/download")
    assert (got.data, got.headers["Content-Type"], got.headers["X-Content-Type-Options"]) == (
        PDF,
        "application/pdf",
        "nosniff",
    )
    assert (
        got.headers["Content-Disposition"].startswith("attachment; ")
        and "M%C3%BCller" in got.headers["Content-Disposition"]
    )


def test_parts_and_repeats_follow_the_standard(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    upload(client, world.harbour, PDF, "offer.pdf")
    (made,) = rows(app, world.harbour)
    url, size, tag = f"/files/{made.id}/download", len(PDF), f'"{made.sha256}"'
    part = client.get(url, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, PDF[5:10], f"bytes 5-9/{size}")
    assert client.get(url, headers={"Range": "bytes=-6"}).data == PDF[-6:]
    assert client.get(url, headers={"Range": f"bytes={size}-"}).status_code == 416
    assert client.get(url, headers={"Range": "bytes=0-1,4-5"}).status_code == 200
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": tag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).data == PDF
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 304
    head = client.head(url)
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", str(size))


def test_nobody_out_of_reach_gets_it(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    upload(client, world.harbour, PDF, "KANARI-8.pdf")
    (made,) = rows(app, world.harbour)
    url = f"/files/{made.id}/download"
    for person in (world.summit.owner, world.harbour.stranger):
        other = agent(app, person)
        assert other.get(url).status_code == 404
        assert other.get(url, headers={"Range": "bytes=0-3"}).status_code == 404
        for page in ("/files/", "/files/?q=KANARI", "/files/picker?q=KANARI"):
            assert "KANARI-8" not in other.get(page).text
        assert upload(other, world.harbour, PDF, "planted.pdf").status_code == 404
    assert app.test_client().get(url).status_code == 303
    assert len(rows(app, world.harbour)) == 1 and rows(app, world.summit) == []


def test_reading_is_not_adding(app: Flask, client: Browser, world: World) -> None:
    reader = agent(app, world.harbour.reader)
    assert upload(reader, world.harbour, PDF, "offer.pdf").status_code == 403
    assert rows(app, world.harbour) == [] and bytes_kept(app) == 0
    page = reader.get(f"/contacts/{world.harbour.contacts['Dana Whitcombe']}").text
    assert "/files/upload" not in page


def test_the_storage_key_is_nowhere_to_be_read(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    upload(client, world.harbour, PDF, "offer.pdf")
    (made,) = rows(app, world.harbour)
    contact = f"/contacts/{world.harbour.contacts['Dana Whitcombe']}"
    urls = (
        "/files/",
        f"/files/{made.id}",
        f"/files/{made.id}?tab=history",
        f"/files/{made.id}/edit",
        contact,
        f"{contact}?tab=history",
        "/api/docs",
        "/",
    )
    secret = made.storage_key.rpartition("/")[2]
    assert len(secret) == 40
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200 and secret not in answer.text, url


BAD = {
    "empty": (b"", "a.pdf", "is empty"),
    "page": (b"<!doctype html><script>alert(1)</script>", "a.html", "Web pages and scripts"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "a.svg", "SVG files"),
    "page as picture": (b"<html><body>hi</body></html>", "a.png", "Web pages and scripts"),
    "program": (b"MZ\x90\x00" + b"\x00" * 200, "setup.exe", "not"),
    "wrong name": (PDF, "photo.png", "The name ends in .png"),
    "cut off": (PDF[:40], "a.pdf", "cut off or damaged"),
    "broken picture": (picture()[:60], "a.png", "damaged"),
    "virus test": (PDF.replace(b"trailer", EICAR + b"trailer"), "a.pdf", "virus"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_reason_and_another_can_be_chosen(
    app: Flask, client: Browser, world: World, case: str
) -> None:
    content, name, words = BAD[case]
    sign_in(client, world.harbour.agent)
    answer = upload(client, world.harbour, content, name)
    assert answer.status_code == 422 and words in answer.text
    assert (
        f'action="/files/upload?contact_id={world.harbour.contacts["Dana Whitcombe"]}"' in answer.text
        and 'type="file"' in answer.text
    )
    assert rows(app, world.harbour) == [] and bytes_kept(app) == 0
    problem = upload(client, world.harbour, content, name, Accept="application/json")
    assert problem.status_code == 422 and words in problem.json["detail"]


def test_no_file_a_foreign_place_and_no_place(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    client.get("/contacts/new")
    url = f"/files/upload?contact_id={world.harbour.contacts['Dana Whitcombe']}"
    assert "No file was chosen" in client.post(url, data={"csrf_token": client.token}).text
    for wrong, status in (("contact_id=999999", 404), ("contact_id=x", 422), ("", 422), (f"contact_id={10**17}", 404)):
        data = {"csrf_token": client.token, "file": (io.BytesIO(PDF), "a.pdf")}
        assert (
            client.post(f"/files/upload?{wrong}", data=data, content_type="multipart/form-data").status_code == status
        )
    without_token = client.post(url, data={"file": (io.BytesIO(PDF), "a.pdf")}, content_type="multipart/form-data")
    assert without_token.status_code == 400 and bytes_kept(app) == 0


def test_bytes_without_a_record_are_not_left_behind(
    app: Flask, client: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("the database went away")

    sign_in(client, world.harbour.agent)
    monkeypatch.setattr(view.files, "keep", broken)
    assert upload(client, world.harbour, PDF, "offer.pdf").status_code == 500
    assert bytes_kept(app) == 0


def test_the_bin_keeps_the_bytes_and_the_purge_deletes_them(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    upload(client, world.harbour, PDF, "old.pdf")
    upload(client, world.harbour, PDF, "kept.pdf")
    old, kept = rows(app, world.harbour)
    client.submit(f"/files/{old.id}/delete")
    assert client.get(f"/files/{old.id}/download").status_code == 404 and store(app).exists(old.storage_key)
    client.submit(f"/files/{old.id}/restore")
    assert client.get(f"/files/{old.id}/download").data == PDF
    with app.app_context(), world.harbour.inside():
        records.delete(StoredFile, old.id, actor=SYSTEM)
    with time_machine.travel(now() + dt.timedelta(days=31)):
        with app.app_context(), scope.across_workspaces("the nightly rule"):
            assert housekeeping.purge_bin(actor=SYSTEM) == {"stored_file": 1}
        assert store(app).exists(old.storage_key)
        runner.drain(app)
    assert not store(app).exists(old.storage_key) and store(app).exists(kept.storage_key)
    with app.app_context(), scope.across_workspaces("a test reads"):
        job = session.scalars(sa.select(Job).where(Job.name == "files.purge")).one()
        assert (job.state, job.args, job.result) == ("done", {}, {"deleted": 1})
    assert client.get(f"/files/{kept.id}/download").data == PDF


def test_a_logo_is_made_small_and_shown_to_everybody(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.owner)
    visitor = app.test_client()
    assert visitor.get("/p/harbour/logo").status_code == 404
    assert _set_logo(client, picture()).status_code == 303
    page = visitor.get("/p/harbour/contact").text
    (made,) = rows(app, world.harbour)
    assert f'src="/p/harbour/logo?v={made.id}"' in page
    got = visitor.get("/p/harbour/logo")
    with Image.open(io.BytesIO(got.data)) as image:
        assert image.size == (205, 64)
    assert (got.mimetype, got.headers["Cache-Control"], len(got.data) < 20_000) == (
        "image/png",
        "public, max-age=86400",
        True,
    )
    assert "Set-Cookie" not in got.headers and visitor.get("/p/summit/logo").status_code == 404
    assert "SVG files" in _set_logo(client, b"<svg/>", "logo.svg").text
    client.submit("/settings/workspace/public", {"remove": "1"})
    assert visitor.get("/p/harbour/logo").status_code == 404 and "/logo" not in visitor.get("/p/harbour/contact").text


def test_agents_set_no_logo(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert client.get("/settings/workspace/public").status_code == 403
    client.get("/contacts/new")
    assert _set_logo(client, picture(), page="/contacts/new").status_code == 403
    assert rows(app, world.harbour) == []


def _set_logo(client: Browser, content: bytes, name: str = "logo.png", page: str = "/settings/workspace/public") -> Any:
    client.get(page)
    data = {"csrf_token": client.token, "file": (io.BytesIO(content), name)}
    return client.post("/settings/workspace/public", data=data, content_type="multipart/form-data")


def test_a_file_of_a_deal_belongs_to_its_contact_too(app: Flask, client: Browser, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        actor: Actor = office.actor("agent")
        stage = session.scalars(sa.select(Stage.id).limit(1)).one()
        deal = records.create(
            Deal,
            {"title": "14 Larch Street", "contact_id": office.contacts["Dana Whitcombe"], "stage_id": stage},
            actor=actor,
        ).id
    sign_in(client, office.agent)
    client.get("/contacts/new")
    data = {"csrf_token": client.token, "file": (io.BytesIO(PDF), "deed.pdf")}
    answer = client.post(f"/files/upload?deal_id={deal}", data=data, content_type="multipart/form-data")
    assert (answer.status_code, answer.location) == (303, f"/deals/{deal}")
    (made,) = rows(app, office)
    assert (made.deal_id, made.contact_id) == (deal, office.contacts["Dana Whitcombe"])
