"""`flask config`: the set-up of a workspace as a file, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Flask

from app.services import records
from models.contact import Tag
from tests.contracts import state
from tests.factories import World
from tests.setup_kit import exported, furnish


def test_a_set_up_goes_from_one_workspace_to_another(app: Flask, world: World, tmp_path: Path) -> None:
    with app.app_context(), world.harbour.inside():
        furnish(world.harbour)
        wanted = exported(world.harbour.actor())
    runner, file = app.test_cli_runner(), tmp_path / "set-up.json"
    done = runner.invoke(args=["config", "export", "--workspace", "harbour", "--output", str(file), "--json"])
    assert done.exit_code == 0, done.output
    assert file.read_bytes() == wanted
    assert runner.invoke(args=["config", "export", "--workspace", "harbour"]).stdout_bytes == wanted
    command = ["config", "import", str(file), "--workspace", "summit", "--json"]
    tried = json.loads(runner.invoke(args=[*command, "--dry-run"]).stdout)
    assert tried["dry_run"] is True and "fields: contact/x_pets" in tried["added"]
    rule, view = tried["problems"]
    assert rule.startswith("rules: ") and rule.endswith("/contact/delete") and view == "views: contact/important"
    refused = runner.invoke(args=command)
    assert refused.exit_code == 1 and "Nothing was imported" in refused.stderr
    with app.app_context():
        assert state.rows("custom_field", workspace_id=world.summit.id) == []
        with world.summit.inside():
            records.create(Tag, {"name": "VIP"}, actor=world.summit.actor())
    done = json.loads(runner.invoke(args=command).stdout)
    assert done["problems"] == {} and done["dry_run"] is False and len(done["added"]) > 30
    again = json.loads(runner.invoke(args=[*command, "--dry-run"]).stdout)
    assert (again["added"], again["changed"], again["only_here"]) == ([], [], [])
    with app.app_context(), world.summit.inside():
        assert exported(world.summit.actor()) == wanted
        audits = [row["actor"] for row in state.rows("audit", action="setup.import")]
    assert audits == ["Command line"]


def test_a_wrong_file_or_workspace_is_told(app: Flask, world: World, tmp_path: Path) -> None:
    file = tmp_path / "set-up.json"
    file.write_text("{}")
    runner = app.test_cli_runner()
    wrong = runner.invoke(args=["config", "import", str(file), "--workspace", "harbour"])
    assert wrong.exit_code == 1 and "no set-up" in wrong.stderr
    nowhere = runner.invoke(args=["config", "export", "--workspace", "nowhere"])
    assert nowhere.exit_code == 1 and "no workspace “nowhere”" in nowhere.stderr
