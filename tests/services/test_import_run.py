"""Contact files become contacts: nobody twice, no bad row in the way of others, everything told and accounted for."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import records, subject_keys
from app.services.imports import batches, run
from models import scope
from models.audit import Audit, Change
from models.base import Record, db, session
from models.contact import Contact, ContactAddress, ContactEmail, ContactPhone, ContactTag, Tag
from models.privacy import Attestation, ImportBatch
from models.scope import Actor
from models.work import Note
from tests import database_kit
from tests.factories import SYSTEM, Office, World
from tests.factories_batches import bring, contact, count, go_on, receive
from tests.factories_import import google_csv

FIXTURES = Path(__file__).parents[1] / "fixtures" / "imports"
HEAD = "Name,Email,Phone,Company,Labels,Notes,Birthday\n"


@pytest.fixture
def office(app: Flask, world: World) -> Iterator[Office]:
    """Inside the first brokerage."""
    with app.app_context(), world.harbour.inside():
        yield world.harbour


@pytest.fixture
def broker(office: Office) -> Actor:
    return office.actor("broker")


def importer(office: Office, who: str) -> Actor:
    """An agent who also may import, with the reach that agents have."""
    actor = office.actor(who)
    rights = {**actor.rights, "import": {"write": scope.Reach.WORKSPACE}}
    return Actor(**{**{f: getattr(actor, f) for f in Actor.__slots__}, "rights": rights})


def test_a_google_export_becomes_contacts_with_all_their_details(broker: Actor) -> None:
    done = bring((FIXTURES / "google.csv").read_bytes(), broker)
    assert done.counts == (4, 1, 0, 1), "the last row is Maya again"
    maya = contact(name="Maya Okafor")
    assert (maya.email, maya.phone, maya.goes_by) == ("maya.okafor@example.com", "+14155550134", "May")
    assert (maya.source, maya.source_ref, maya.created_by) == ("import", f"import:{done.batch_id}", broker.label)
    assert (maya.owner_id, maya.lawful_basis, maya.stage, maya.version) == (broker.membership_id, "consent", "new", 1)
    further = session.scalars(sa.select(ContactEmail.address).where(ContactEmail.contact_id == maya.id))
    assert set(further) == {"maya@example.org", "m.okafor@example.net"}
    assert count(ContactPhone, contact_id=maya.id, number="+14155550135") == 1
    assert count(ContactAddress, contact_id=maya.id, city="Springfield") == 1
    tags = sa.select(Tag.name).join(ContactTag, ContactTag.tag_id == Tag.id).where(ContactTag.contact_id == maya.id)
    assert session.scalars(tags).all() == ["Buyers"]
    assert 'wants a yard, "no stairs".' in (maya.about or "").casefold()


@pytest.mark.parametrize(
    "name", ["outlook.csv", "outlook_semicolon.csv", "google_2024.csv", "contacts.vcf", "apple.csv", "followupboss.csv"]
)
def test_exports_of_all_kinds_come_in_once(broker: Actor, name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    before = count()
    first = bring(data, broker, name=name)
    assert first.counts[0] > 0
    assert count() == before + first.counts[0]
    again = bring(data, broker, name=name)
    assert again.counts[0] == 0, "importing the same file again doubles nobody"
    assert again.counts[3] == first.counts[3]
    assert count() == before + first.counts[0]


def test_a_bad_row_never_stops_the_others_and_comes_back_to_be_mended(broker: Actor) -> None:
    text = HEAD + 'Ann Lee,ann@example.com,,,,,\n,"nobody at example",,,,,\nBen Ode,ben@example.com,,,,,\n'
    text += '"Open,quote\nCy Orr,cy@example.com,,,,,\n'
    done = bring(text, broker)
    assert done.counts == (3, 0, 0, 2)
    rows = list(csv.DictReader(io.StringIO(done.problems)))
    assert [bool(row["Problem"]) for row in rows] == [True, True]
    assert "no name and no e-mail" in rows[0]["Problem"]
    mended = done.problems.replace("nobody at example", "nora@example.com")
    again = bring(mended, broker)
    assert again.counts[0] >= 1 and count(email="nora@example.com") == 1
    assert bring(mended, broker).counts[0] == 0


def test_only_empty_fields_are_filled_unless_asked_otherwise(office: Office, broker: Actor) -> None:
    bring(HEAD + "Ann Lee,ann@example.com,,Old Co,,,\n", broker)
    row = HEAD + "Anna Lee,ann@example.com,(415) 555-0101,New Co,VIP,,\n"
    assert bring(row, broker, on_match="skip").counts == (0, 0, 1, 0)
    assert contact(email="ann@example.com").phone is None
    assert bring(row, broker).counts == (0, 1, 0, 0)
    ann = contact(email="ann@example.com")
    assert (ann.name, ann.company, ann.phone, ann.version) == ("Ann Lee", "Old Co", "+14155550101", 2)
    assert bring(row, broker).counts == (0, 0, 1, 0), "nothing new is no update"
    assert bring(row, broker, on_match="overwrite").counts == (0, 1, 0, 0)
    session.expire_all()
    ann = contact(email="ann@example.com")
    assert (ann.name, ann.name_key, ann.company, ann.version) == ("Anna Lee", "anna lee", "New Co", 3)
    change = session.scalars(
        sa.select(Change).where(Change.record_id == ann.id, Change.entity == "contact").order_by(Change.id.desc())
    ).first()
    assert change is not None and change.old["company"] == "Old Co" and change.new["company"] == "New Co"


@pytest.mark.parametrize("chunk", [1, 1000])
def test_a_contact_that_the_file_renames_is_known_under_both_names(
    broker: Actor, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CHUNK", chunk)
    bring(HEAD + "Ben Ode,a@example.com,(415) 555-0101,,,,\n", broker)
    rows = "Ann Lee,a@example.com,,,,,\nAnn Lee,,(415) 555-0101,,,,\nBen Ode,,(415) 555-0101,,,,\n"
    assert bring(HEAD + rows, broker, on_match="overwrite").counts == (0, 3, 0, 0)
    assert contact(email="a@example.com").name == "Ann Lee"


def test_an_office_number_shared_by_many_joins_nobody(broker: Actor) -> None:
    done = bring(HEAD + "".join(f"Person {n},,(415) 555-0100,,,,\n" for n in range(30)), broker)
    assert done.counts == (30, 0, 0, 0)
    same = bring(HEAD + "person  7,,415.555.0100,,,,\nPerson 99,,415.555.0100,,,,\n", broker)
    assert same.counts == (1, 0, 1, 0), "the same phone with the same name is the same person"


def test_the_sample_of_a_preview_has_some_of_everything(broker: Actor) -> None:
    bring(HEAD + "".join(f"Old {n},old{n}@example.com,,,,,\n" for n in range(60)), broker)
    bad = ",not one,,,,,\n" * 60
    changed = "".join(f"Old {n},old{n}@example.com,(415) 555-0100,,,,\n" for n in range(60))
    new = "".join(f"New {n},new{n}@example.com,,,,,\n" for n in range(60))
    for text, shown in ((changed + new + bad, (10, 20, 20)), (new + bad, (30, 0, 20)), (changed, (0, 50, 0))):
        data = (HEAD + text).encode()
        found = run.preview(receive(data, broker), io.BytesIO(data), actor=broker)
        verdicts = [outcome.verdict for outcome in found.rows]
        assert tuple(map(verdicts.count, ("errors", "updated", "created"))) == shown


def test_rows_about_one_person_become_one_contact(broker: Actor) -> None:
    text = HEAD + "Ann Lee,ann@example.com,,,,First,\nAnn Lee,ann@example.com,(415) 555-0101,Acme,VIP,Second,\n"
    assert bring(text, broker).counts == (1, 1, 0, 0)
    ann = contact(email="ann@example.com")
    assert (ann.phone, ann.company, ann.about) == ("+14155550101", "Acme", "First\nSecond")


def test_a_row_that_could_be_two_people_is_a_question_that_names_both(broker: Actor) -> None:
    bring(HEAD + "Ann Lee,ann@example.com,,,,,\nBen Ode,ben@example.com,,,,,\n", broker)
    done = bring("Name,Email,Email 2\nAnn Lee,ann@example.com,ben@example.com\n", broker)
    assert done.counts == (0, 0, 0, 1)
    assert "Ann Lee" in done.problems and "Ben Ode" in done.problems


def test_what_lies_in_the_bin_neither_matches_nor_stands_in_the_way(broker: Actor) -> None:
    text = "Name,Email,Email 2\nAnn Lee,ann@example.com,ann@example.net\n"
    bring(text, broker)
    old = contact(email="ann@example.com").id
    records.delete(Contact, old, actor=broker)
    assert bring(text, broker).counts == (1, 0, 0, 0)
    new = contact(email="ann@example.com")
    assert new.id != old and "ann@example.net" in (new.about or ""), (
        "the second address still belongs to the one in the bin"
    )


def test_a_child_is_not_brought_in_without_authority(broker: Actor) -> None:
    done = bring(HEAD + "Kim Young,kim@example.com,,,,,2020-05-01\nKim Old,old@example.com,,,,,1980-05-01\n", broker)
    assert done.counts == (1, 0, 0, 1)
    assert "under 13" in done.problems and count(email="kim@example.com") == 0


def test_long_notes_are_kept_whole(broker: Actor) -> None:
    bring(HEAD + f"Ann Lee,ann@example.com,,,,{'word ' * 5000},\n", broker)
    pieces = session.scalars(
        sa.select(Note.body).where(Note.contact_id == contact(email="ann@example.com").id).order_by(Note.id)
    ).all()
    assert "".join(pieces).split() == ["word"] * 5000


def test_an_agent_matches_only_contacts_of_their_own(office: Office) -> None:
    agent = importer(office, "agent")
    text = HEAD + (
        "Dana Whitcombe,dana@harbour-clients.example.com,,Acme,,,\n"
        "Eli Other,eli@harbour-clients.example.com,,Acme,,,\n"
        "New Person,new@example.com,,,,,\n"
    )
    done = bring(text, agent)
    assert done.counts == (1, 1, 0, 1)
    assert "Another contact already has the e-mail eli@harbour-clients.example.com" in done.problems
    assert "Moreno" not in done.problems, "nothing of the colleague's contact is told"
    assert contact(name="Eli Moreno").company is None
    assert contact(email="new@example.com").owner_id == agent.membership_id


def test_an_agent_cannot_give_what_they_import_to_a_colleague(office: Office, broker: Actor) -> None:
    colleague = office.colleague.membership_id
    with pytest.raises(Forbidden):
        receive(b"Name,Email\nAnn Lee,ann@example.com\n", importer(office, "agent"), owner_id=colleague)
    bring("Name,Email\nAnn Lee,ann@example.com\n", broker, owner_id=colleague)
    ann = contact(email="ann@example.com")
    assert (ann.owner_id, ann.team_id) == (colleague, office.teams["east"])


def test_who_may_not_import_is_refused_and_outsiders_find_nothing(world: World, office: Office, broker: Actor) -> None:
    with pytest.raises(Forbidden):
        receive(b"Name,Email\nAnn Lee,ann@example.com\n", office.actor("agent"))
    batch = receive(b"Name,Email\nDana Whitcombe,dana@harbour-clients.example.com\n", broker).id
    with world.summit.inside():
        with pytest.raises(NotFound):
            batches.get(batch, actor=world.summit.actor("owner"))
        done = bring("Name,Email\nDana Two,dana@harbour-clients.example.com\n", world.summit.actor("owner"))
    assert done.counts == (1, 0, 0, 0), "a person of the other brokerage is a new one here"
    assert contact(email="dana@harbour-clients.example.com").name == "Dana Whitcombe"


def test_nothing_starts_without_an_attested_basis(office: Office, broker: Actor) -> None:
    batch = receive(b"Name,Email\nAnn Lee,ann@example.com\n", broker)
    said = batches.attestation(batch)
    assert said is not None and (said.basis, said.words, said.by) == ("consent", "Sign-in sheet", broker.label)
    session.execute(sa.delete(Attestation), execution_options={"walled_reason": "a test takes the attestation away"})
    session.commit()
    with pytest.raises(Invalid) as refused:
        batches.start(batch, actor=broker)
    assert set(refused.value.fields) == {"basis", "basis_note"}
    assert count(Audit, action="import.refuse") == 1 and count(Audit, action="import.attest") == 1


def test_each_new_person_has_history_and_a_sealed_audit_row(broker: Actor) -> None:
    bring((FIXTURES / "google.csv").read_bytes(), broker)
    maya = contact(name="Maya Okafor")
    change = session.scalars(sa.select(Change).where(Change.entity == "contact", Change.record_id == maya.id)).one()
    assert (change.verb, change.operation, change.actor, change.subject_id) == (
        "create",
        "contact.import",
        broker.label,
        maya.id,
    )
    row = session.scalars(sa.select(Audit).where(Audit.action == "contact.create", Audit.record_id == maya.id)).one()
    assert "okafor" not in str(row.facts).casefold() and row.facts["lawful_basis"] == [None, "consent"]
    told = subject_keys.opened(row, actor=SYSTEM)
    assert (
        told is not None
        and told["email"] == [None, "maya.okafor@example.com"]
        and "maya@example.org" in told["emails"][1]
    )
    for model in (Contact, ContactEmail, ContactPhone, ContactAddress, ContactTag, Tag):
        made: list[Record] = list(session.scalars(sa.select(model).where(model.source == "import")))
        assert made and all(record.source_ref and record.created_by == broker.label for record in made)


@pytest.mark.needs("postgres")
def test_postgresql_imports_the_same_as_the_role_of_the_application(tmp_path: Path) -> None:
    data = b"".join(google_csv(300, bad_every=50, twin_every=30))
    with database_kit.postgres() as (_owner, application):
        app = database_kit.make_app(tmp_path, application)
        with app.app_context():
            harbor, elm = database_kit.found_workspace("harbor"), database_kit.found_workspace("elm")
            for workspace in (harbor, elm):
                with scope.inside(workspace):
                    first, again = bring(data, SYSTEM), bring(data, SYSTEM)
                    assert first.counts[0] == count() > 250 and again.counts[0] == 0
                    assert first.counts[3] == again.counts[3] == 6
                session.remove()
            db.engine.dispose()


class Killed(BaseException):
    """The worker's machine loses its power."""


@pytest.mark.parametrize("on_match", ["fill", "skip", "overwrite"])
def test_a_run_killed_in_the_middle_goes_on_and_doubles_nothing(
    broker: Actor, on_match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"".join(google_csv(400, bad_every=40, twin_every=20))
    straight = bring(b"".join(google_csv(10, seed=2)), broker)
    assert straight.counts[0] == 10
    monkeypatch.setattr(run, "CHUNK", 70)
    batch = receive(data, broker, on_match=on_match)
    told = tuple(run.preview(batch, io.BytesIO(data), actor=broker).counts.values())

    def kill_at(row: int) -> run.Progress:
        def progress(done: int, _total: int, _status: str) -> None:
            if done == row:
                raise Killed

        return progress

    for row in (140, 280):
        with pytest.raises(Killed):
            go_on(batch.id, data, broker, kill_at(row))
        session.rollback()
    done = go_on(batch.id, data, broker)
    assert done.counts == told and sum(done.counts) == 400
    assert count(source_ref=f"import:{batch.id}") == told[0]
    assert len(done.problems.splitlines()) == told[3] + 1, "the file of bad rows has those of before the break too"
    doubled = sa.select(Contact.email).group_by(Contact.email).having(sa.func.count() > 1)
    assert session.execute(doubled).all() == []


_EMAILS = st.sampled_from(["", "a@example.com", "b@example.com", "c@example.com", "A@Example.com", "not one"])
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "Ann Lee", "Lee, Ann", "Ben Ode"]),
        _EMAILS,
        _EMAILS,
        st.sampled_from(["", "(415) 555-0101", "415-555-0102"]),
    ),
    min_size=1,
    max_size=12,
)


_FILES = st.lists(st.tuples(st.sampled_from(["fill", "overwrite", "skip"]), _ROWS), min_size=1, max_size=3)


def _text(rows: list[tuple[str, ...]]) -> str:
    lines = (",".join(f'"{cell}"' for cell in row) for row in rows)
    return "\n".join(["Name,Email,Email 2,Phone", *lines, '"Last One",z@example.com,,'])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_FILES, chunk=st.integers(1, 3), stop=st.integers(1, 4))
def test_a_run_broken_anywhere_comes_to_what_the_preview_told(
    broker: Actor, start_over: Callable[[], None], files: list[tuple[str, list[tuple[str, ...]]]], chunk: int, stop: int
) -> None:
    start_over()
    for on_match, rows in files[:-1]:
        bring(_text(rows), broker, on_match=on_match)
    on_match, rows = files[-1]
    data = _text(rows).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "CHUNK", chunk)
        batch = receive(data, broker, on_match=on_match)
        told = tuple(run.preview(batch, io.BytesIO(data), actor=broker).counts.values())

        def progress(done: int, total: int, _status: str) -> None:
            if stop * chunk <= done < total:
                raise Killed

        with contextlib.suppress(Killed):
            assert go_on(batch.id, data, broker, progress).counts == told
            return
        session.rollback()
        assert go_on(batch.id, data, broker).counts == told


def test_what_a_chunk_wrote_goes_when_its_step_fails(broker: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, before = receive(b"Name,Email\nAnn Lee,ann@example.com\n", broker), count()
    audits = count(Audit)

    def fail(batch_id: int, counts: dict[str, int]) -> None:
        raise Killed

    monkeypatch.setattr(run, "_count", fail)
    with pytest.raises(Killed):
        go_on(batch.id, b"Name,Email\nAnn Lee,ann@example.com\n", broker)
    assert (count(), count(Audit)) == (before, audits)
    assert session.scalars(sa.select(ImportBatch.counts)).one() == {}


def test_two_workers_never_share_a_batch(broker: Actor) -> None:
    data = b"Name,Email\nAnn Lee,ann@example.com\n"
    batch = receive(data, broker)

    def another_is_faster(done: int, _total: int, _status: str) -> None:
        if done == 0 and count(email="ann@example.com") == 0:
            go_on(batch.id, data, broker)

    with pytest.raises(Conflict):
        go_on(batch.id, data, broker, another_is_faster)
    assert count(email="ann@example.com") == 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_FILES, chunk=st.integers(1, 5))
def test_the_preview_is_what_happens(
    broker: Actor, start_over: Callable[[], None], files: list[tuple[str, list[tuple[str, ...]]]], chunk: int
) -> None:
    """`bring` compares the preview with the run, and the sum with the rows read. Each file finds what those before it
    left, the first one nobody of these names.
    """
    start_over()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "CHUNK", chunk)
        for on_match, rows in files:
            bring(_text(rows), broker, on_match=on_match)
    held = sa.union_all(
        sa.select(Contact.email.label("address")).where(Contact.email.is_not(None)), sa.select(ContactEmail.address)
    ).subquery()
    assert session.execute(sa.select(held.c.address).group_by(held.c.address).having(sa.func.count() > 1)).all() == []
