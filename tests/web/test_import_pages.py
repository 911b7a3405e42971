"""The story of an import in the browser: file and ground, columns, preview, job, counts, rows to mend; and who may not
see it.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import records
from app.services.imports import keeping
from jobs import runner
from models import scope, tenancy
from models.audit import Audit
from models.base import session
from models.contact import Contact
from models.fields import now
from models.privacy import Attestation, ImportBatch
from tests.factories import Browser, Office, World, sign_in
from views.files import store

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"
GROUND = {"basis": "consent", "basis_note": "Sign-in sheet of the open home"}
BAD = "Name,Email,Phone\nRosa Diaz,rosa@example.com,(415) 555-0171\n,,\nNo way,not an address,\n,nobody at example,\n"


def upload(client: Browser, name: str, content: bytes, **more: Any) -> Any:
    client.get("/contacts/import")
    data = {**GROUND, "file": (io.BytesIO(content), name), **more}
    return client.submit(
        "/contacts/import", {k: v for k, v in data.items() if v is not None}, content_type="multipart/form-data"
    )


def accept(client: Browser, where: str) -> Any:
    """Send the columns page as it stands."""
    page = client.get(where).get_data(as_text=True)
    chosen = {}
    for name, options in re.findall(r'<select[^>]* name="(map-\d+)"[^>]*>(.*?)</select>', page, re.S):
        found = re.search(r'value="([^"]*)" selected', options)
        chosen[name] = found.group(1) if found else ""
    return client.submit(where, {**chosen, "on_match": "fill"})


def names(office: Office) -> set[str]:
    with office.inside():
        return set(session.scalars(sa.select(Contact.name)))


def test_a_broker_imports_a_google_file_from_upload_to_counts(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    answer = upload(client, "google.csv", (FIXTURES / "google.csv").read_bytes())
    assert answer.status_code == 303
    where = answer.headers["Location"]
    columns = client.get(where).get_data(as_text=True)
    assert "google.csv" in columns and "UTF-8" in columns and "E-mail 1 - Value" in columns
    answer = accept(client, where)
    assert answer.status_code == 303 and answer.headers["Location"] == f"{where}/preview"
    preview = client.get(f"{where}/preview").get_data(as_text=True)
    assert "Maya Okafor" in preview and "Lawful basis: Consent. Sign-in sheet of the open home" in preview
    with app.app_context():
        assert "Maya Okafor" not in names(world.harbour), "a preview changes nothing"
    assert client.submit(f"{where}/start").headers["Location"] == where
    waiting = client.get(where).get_data(as_text=True)
    assert f"{where}/progress" in waiting, "the page asks how far the job is"
    runner.drain(app)
    ended = client.get(f"{where}/progress")
    assert ended.headers["HX-Refresh"] == "true"
    done = client.get(where).get_data(as_text=True)
    assert "With errors" in done and "Done" in done
    with app.app_context():
        assert "Maya Okafor" in names(world.harbour)
        with world.harbour.inside():
            batch = session.scalars(sa.select(ImportBatch)).one()
            maya = session.scalars(sa.select(Contact).where(Contact.name == "Maya Okafor")).one()
            assert (maya.lawful_basis, maya.source, maya.source_ref) == ("consent", "import", f"import:{batch.id}")
            assert maya.owner_id == world.harbour.broker.membership_id


def test_without_attestation_nothing_is_taken_and_what_was_typed_stays(
    app: Flask, client: Browser, world: World
) -> None:
    sign_in(client, world.harbour.broker)
    answer = upload(client, "bad.csv", BAD.encode(), basis=None, basis_note="From the fair")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "From the fair" in text and "Choose the file once more" in text and "on which ground" in text
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(sa.func.count(ImportBatch.id))) == 0
        assert session.scalar(sa.select(sa.func.count(Attestation.id))) == 0
        refusal = session.scalars(sa.select(Audit).where(Audit.action == "import.refuse")).one()
        assert refusal.facts == {"missing": ["basis"]}


@pytest.mark.parametrize(
    ("name", "says"),
    [("binary.csv", "picture"), ("workbook.csv", "Excel"), ("header_only.csv", "no rows"), ("empty.csv", "empty")],
)
def test_a_wrong_file_is_named_for_what_it_is(client: Browser, world: World, name: str, says: str) -> None:
    sign_in(client, world.harbour.broker)
    answer = upload(client, name, (FIXTURES / name).read_bytes())
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert says in text and "Sign-in sheet of the open home" in text


def test_no_file_and_a_too_large_one_are_told(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    answer = upload(client, "", b"")
    assert answer.status_code == 422 and "Choose a file first" in answer.get_data(as_text=True)
    app.config["UPLOAD_MAX_BYTES"] = 1024 * 1024
    answer = upload(client, "big.csv", b"Name,Email\n" + b"Ann Lee,ann@example.com\n" * 60_000)
    assert answer.status_code == 422 and "larger than 1 MB" in answer.get_data(as_text=True)


def test_columns_that_cannot_work_are_shown_with_the_reason(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "c.csv", b"Name,Alias\nAnn Lee,Annie\n").headers["Location"]
    answer = client.submit(where, {"map-0": "name", "map-1": "name", "on_match": "fill"}, page=where)
    assert answer.status_code == 422 and "Name already comes from" in answer.get_data(as_text=True)
    answer = client.submit(where, {"map-0": "", "map-1": "goes_by", "on_match": "fill"})
    assert answer.status_code == 422 and "No column holds a name" in answer.get_data(as_text=True)
    answer = client.submit(where, {"map-0": "password", "map-1": "", "on_match": "fill"})
    assert answer.status_code == 422 and "There is no field" in answer.get_data(as_text=True)


def test_bad_rows_come_back_as_a_file_before_and_after(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "sheet.csv", BAD.encode()).headers["Location"]
    accept(client, where)
    assert "Download the row to mend it" in client.get(f"{where}/preview").get_data(as_text=True)
    before = client.get(f"{where}/problems.csv")
    client.submit(f"{where}/start", page=f"{where}/preview")
    runner.drain(app)
    after = client.get(f"{where}/problems.csv")
    for answer in (before, after):
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        lines = answer.get_data().decode("utf-8-sig").splitlines()
        assert lines[0] == "Name,Email,Phone,Problem" and "nobody at example" in lines[1]
    assert before.get_data() == after.get_data()


def test_an_import_that_has_begun_is_not_begun_again(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "sheet.csv", BAD.encode()).headers["Location"]
    accept(client, where)
    assert client.submit(f"{where}/start", page=f"{where}/preview").status_code == 303
    assert client.submit(f"{where}/start").status_code == 409
    assert client.get(f"{where}/preview").headers["Location"] == where
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        assert session.scalar(sa.select(sa.func.count(Contact.id)).where(Contact.email == "rosa@example.com")) == 1


def test_the_other_brokerage_and_people_without_the_right_see_nothing(
    app: Flask, client: Browser, world: World
) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "sheet.csv", BAD.encode()).headers["Location"]
    other = app.test_client()
    sign_in(other, world.summit.owner)
    for path in ("", "/preview", "/progress", "/problems.csv"):
        assert other.get(where + path).status_code == 404, path
    assert other.submit(f"{where}/start", page="/contacts/import").status_code == 404
    assert "sheet.csv" not in other.get("/contacts/import").get_data(as_text=True)
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    assert agent.get("/contacts/import").status_code == 403
    assert agent.get(where).status_code == 403
    helper = app.test_client()
    sign_in(helper, world.harbour.assistant)
    assert helper.get("/contacts/import").status_code == 200
    assert helper.get(where).status_code == 404, "a colleague's import holds people out of reach"


def test_an_import_is_taken_back_but_not_what_somebody_worked_on(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "c.csv", b"Name,Email\nAnn Lee,ann@example.com\nBen Ode,ben@example.com\n").headers[
        "Location"
    ]
    accept(client, where)
    client.submit(f"{where}/start", page=f"{where}/preview")
    assert client.submit(f"{where}/undo").status_code == 409, "not while it waits"
    runner.drain(app)
    with app.app_context(), world.harbour.inside():
        ben = session.scalars(sa.select(Contact.id).where(Contact.email == "ben@example.com")).one()
        records.update(Contact, ben, {"company": "Acme"}, actor=world.harbour.actor("broker"))
    assert "1 of 2" in client.get(f"{where}/undo").get_data(as_text=True)
    assert client.submit(f"{where}/undo").status_code == 303
    assert "Nothing is left to undo" in client.get(f"{where}/undo").get_data(as_text=True)
    with app.app_context():
        left = names(world.harbour)
    assert "Ben Ode" in left and "Ann Lee" not in left and "Dana Whitcombe" in left


def test_a_file_that_is_no_longer_kept_is_told(app: Flask, client: Browser, world: World) -> None:
    sign_in(client, world.harbour.broker)
    where = upload(client, "sheet.csv", BAD.encode()).headers["Location"]
    with app.app_context(), world.harbour.inside():
        key = session.scalars(sa.select(ImportBatch.storage_key)).one()
        store().delete(key)
    for path in ("", "/preview", "/problems.csv"):
        answer = client.get(where + path)
        assert answer.status_code == 404 and "no longer kept" in answer.get_data(as_text=True), path


def test_files_of_imports_go_after_thirty_days(app: Flask, client: Browser, world: World) -> None:
    def age(days: int) -> None:
        with app.app_context(), scope.across_workspaces("a test lets time pass"):
            past = now() - dt.timedelta(days=days)
            change = sa.update(ImportBatch).values(finished_at=past, created_at=past)
            session.execute(change, execution_options=tenancy.reason("a test lets time pass"))
            session.commit()

    def clean() -> None:
        with app.app_context(), scope.across_workspaces("a test cleans"):
            keeping.forget_files(actor=scope.system("Test"))
        runner.drain(app)

    sign_in(client, world.harbour.broker)
    done = upload(client, "people.csv", BAD.encode()).headers["Location"]
    accept(client, done)
    client.submit(f"{done}/start", page=f"{done}/preview")
    runner.drain(app)
    left = upload(client, "left.csv", BAD.encode()).headers["Location"]
    with app.app_context(), world.harbour.inside():
        keys = [key for row in session.scalars(sa.select(ImportBatch)) for key in (row.storage_key, row.problems_key)]
    assert len([key for key in keys if key]) == 3
    age(29)
    clean()
    assert client.get(f"{done}/problems.csv").status_code == 200
    age(31)
    clean()
    with app.test_request_context():
        for key in filter(None, keys):
            with pytest.raises(LookupError), store().open(key):
                pass
    assert client.get(f"{done}/problems.csv").status_code == 404
    page = client.get(left)
    assert page.status_code == 404 and "Import it again from your computer" in page.text
    assert client.get(done).status_code == 200, "what came of it is still told"
