"""The jobs screen: people see and steer their own jobs; a reader of all jobs sees more; nobody sees another
brokerage's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.services.operation import operation
from jobs import runner
from models.base import db, session
from models.policy import Purpose
from tests.factories import Browser, Office, World, sign_in
from tests.web.dashboards_kit import whole


def _promise(office: Office, who: str, name: str = "no.such.job") -> int:
    with office.inside(), operation("test.promise", actor=office.actor(who)) as op:
        job = op.promise(name, {}, purpose=Purpose.RELIABILITY, label="Tidy the attic")
        session.flush()
        return job.id


def test_an_agent_cancels_and_retries_their_own_job(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        job = _promise(world.harbour, "agent")
    sign_in(client, world.harbour.agent)
    page = client.get("/jobs/")
    assert page.status_code == 200 and "Tidy the attic" in page.text
    assert client.submit(f"/jobs/{job}/cancel", page="/jobs/").status_code == 303
    runner.drain(app)
    shown = client.get(f"/jobs/{job}")
    assert "No job is named" in shown.text and "Retry now" in shown.text
    assert client.submit(f"/jobs/{job}/retry", page=f"/jobs/{job}").status_code == 303
    found = client.get(f"/jobs/{job}/progress", headers={"Accept": "application/json"}).get_json()
    assert (found["state"], found["error"], found["attempts"]) == ("waiting", None, 0)


def test_fragments_poll_only_while_the_job_moves(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        job = _promise(world.harbour, "agent")
    sign_in(client, world.harbour.agent)
    for shape, start in (("row", "<tr"), ("brief", "<div"), ("", "<section")):
        part = client.get(f"/jobs/{job}/progress?as={shape}").text.strip()
        assert part.startswith(start) and "hx-get" in part
    runner.drain(app)
    assert "hx-get" not in client.get(f"/jobs/{job}/progress").text


def test_who_sees_which_job(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        job = _promise(world.harbour, "agent")
    for person, expected in ((world.harbour.broker, 200), (world.harbour.colleague, 404), (world.summit.owner, 404)):
        visitor = app.test_client()
        assert isinstance(visitor, Browser)
        sign_in(visitor, person)
        assert [visitor.get(f"/jobs/{job}{tail}").status_code for tail in ("", "/progress")] == [expected] * 2
        assert ("Tidy the attic" in visitor.get("/jobs/").text) is (expected == 200)


def test_today_and_the_list_show_a_running_job_within_six_statements(app: Flask, client: Browser, world: World) -> None:
    with app.app_context():
        _promise(world.harbour, "agent")
        engine = db.engine
    sign_in(client, world.harbour.agent)
    for url in ("/", "/jobs/"):
        client.get(url)
        statements: list[str] = []

        def note(*args: Any, kept: list[str] = statements) -> None:
            kept.append(args[2])

        sa.event.listen(engine, "before_cursor_execute", note)
        page = client.get(url)
        sa.event.remove(engine, "before_cursor_execute", note)
        assert "hx-get" in page.text
        assert len(statements) <= 6, statements
    assert "Tidy the attic" in client.get("/jobs/").text and "Tidy the attic" in whole(client)["Jobs"]


def test_a_filter_and_a_page_that_mean_nothing_are_the_first_page(client: Browser, world: World) -> None:
    sign_in(client, world.harbour.agent)
    assert client.get("/jobs/?tab=nonsense&before=x&after=-1").status_code == 200


def test_the_command_line_counts_drains_and_retries(app: Flask, world: World) -> None:
    with app.app_context():
        job = _promise(world.harbour, "agent")
    cli = app.test_cli_runner()
    assert cli.invoke(args=["jobs", "status", "--json"]).output.strip().startswith('{"states": {"waiting": 1}')
    assert '"ran": 1' in cli.invoke(args=["jobs", "drain", "--json"]).output
    assert cli.invoke(args=["jobs", "retry", str(job), "--json"]).output.strip() == '{"retried": 1}'
    missing = cli.invoke(args=["jobs", "retry", "999999"])
    assert missing.exit_code == 1
