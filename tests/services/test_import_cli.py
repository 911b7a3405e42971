"""`flask contacts import` and `export`: counts, bad rows beside the file, and a sentence with exit code 1 where it
cannot be done.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskCliRunner

from models.audit import Audit
from models.base import session
from models.privacy import Attestation
from tests.factories import World
from tests.factories_batches import contact, count

TEXT = "Name,Email,Alias\nRosa Diaz,rosa@example.com,Ro\n,nobody at example,\nSam Ito,sam@example.com,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "people.csv"
    found.write_text(TEXT)
    return found


@pytest.fixture
def cli(app: Flask, world: World) -> FlaskCliRunner:
    return app.test_cli_runner()


def run(cli: FlaskCliRunner, *args: Any) -> Any:
    return cli.invoke(args=["contacts", *map(str, args)])


def test_counts_add_up_and_bad_rows_lie_beside_the_file(
    app: Flask, cli: FlaskCliRunner, world: World, file: Path
) -> None:
    answer = run(
        cli,
        "import",
        file,
        "--workspace",
        "harbour",
        "--basis",
        "consent: sign-in sheet",
        "--owner",
        world.harbour.agent.email,
        "--json",
    )
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["created"], told["updated"], told["skipped"], told["errors"]) == (2, 0, 0, 1)
    rows = list(csv.DictReader(io.StringIO(Path(told["problems"]).read_text(encoding="utf-8-sig"))))
    assert rows[0]["Email"] == "nobody at example" and rows[0]["Problem"]
    with app.app_context(), world.harbour.inside():
        rosa = contact(email="rosa@example.com")
        assert (rosa.lawful_basis, rosa.owner_id, rosa.created_by) == (
            "consent",
            world.harbour.agent.membership_id,
            "Command line",
        )
        assert session.scalars(sa.select(Attestation)).one().words == "consent: sign-in sheet"
        finish = session.scalars(sa.select(Audit).where(Audit.action == "import.finish")).one()
        assert finish.facts == {"created": 2, "updated": 0, "skipped": 0, "errors": 1, "rows": 3}
    again = run(cli, "import", file, "--workspace", "harbour", "--basis", "consent")
    assert "created: 0" in again.stdout and "skipped: 2" in again.stdout


def test_the_mended_file_brings_the_rest_and_doubles_nothing(
    app: Flask, cli: FlaskCliRunner, world: World, file: Path
) -> None:
    told = json.loads(run(cli, "import", file, "--workspace", "harbour", "--basis", "past clients", "--json").stdout)
    mended = Path(told["problems"])
    mended.write_text(mended.read_text(encoding="utf-8-sig").replace("nobody at example", "nora@example.com"))
    told = json.loads(run(cli, "import", mended, "--workspace", "harbour", "--basis", "past clients", "--json").stdout)
    assert (told["created"], told["errors"], told["problems"]) == (1, 0, None)
    with app.app_context(), world.harbour.inside():
        assert contact(email="nora@example.com").lawful_basis == "attested", "no ground we know is named"
        assert count(email="rosa@example.com") == 1


def test_columns_can_be_named(app: Flask, cli: FlaskCliRunner, world: World, file: Path) -> None:
    answer = run(
        cli, "import", file, "--workspace", "harbour", "--basis", "consent", "--mapping", '{"Alias": "company"}'
    )
    assert answer.exit_code == 0, answer.output
    with app.app_context(), world.harbour.inside():
        assert (contact(email="rosa@example.com").company, contact(email="rosa@example.com").goes_by) == ("Ro", None)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--workspace", "nowhere", "--basis", "consent"], "There is no workspace “nowhere”."),
        (["--workspace", "harbour", "--basis", " "], "on which ground"),
        (["--workspace", "harbour", "--basis", "consent", "--mapping", "no"], "no JSON object"),
        (["--workspace", "harbour", "--basis", "consent", "--mapping", '{"Mail": "email"}'], "no column “Mail”"),
        (["--workspace", "harbour", "--basis", "consent", "--owner", "nobody@example.com"], "no active member"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_imported(
    app: Flask, cli: FlaskCliRunner, world: World, file: Path, more: list[str], says: str
) -> None:
    answer = run(cli, "import", file, *more)
    assert answer.exit_code == 1
    assert says in answer.stderr
    with app.app_context(), world.harbour.inside():
        assert count(source="import") == 0


def test_a_file_that_is_no_table_is_named(cli: FlaskCliRunner) -> None:
    picture = Path(__file__).parents[1] / "fixtures" / "imports" / "binary.csv"
    answer = run(cli, "import", picture, "--workspace", "harbour", "--basis", "consent")
    assert answer.exit_code == 1 and "picture" in answer.stderr


def test_export_holds_the_workspace_and_nobody_else(cli: FlaskCliRunner, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert run(cli, "export", "--workspace", "harbour", "--output", target).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8-sig"))))
    assert {row["E-mail"].partition("@")[2] for row in rows} == {"harbour-clients.example.com"}
    assert rows[0]["Lawful basis"] == "Not recorded"
    assert run(cli, "export", "--workspace", "nowhere").exit_code == 1
