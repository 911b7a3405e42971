"""The document on adding an entity is true: its code blocks, and nothing else, give all that it promises."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from typing import Any

from tests.contracts import new_entity, source


@functools.cache
def told() -> dict[str, Any]:
    environ = {**os.environ, "PYTHONPATH": str(source.ROOT)}
    done = subprocess.run(
        [sys.executable, new_entity.__file__],
        cwd=source.ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_blocks_of_the_document_are_all_it_takes() -> None:
    found = told()
    assert found["blocks"] == 2
    assert (found["form"], found["price"], found["origin"], found["missing"]) == (302, 450_000_00, "form", 422)
    assert found["list"] and found["page"] and found["menu"] and found["search"] and found["history"] == 200
    assert found["picker"] == "12 Quay Street"
    assert found["csv"] and found["xlsx"] == "PK"
    assert (found["rest"], found["patch"], found["described"]) == ("12 Quay Street", 460_000_00, True)


def test_it_stands_behind_the_wall_and_within_reach_from_the_start() -> None:
    found = told()
    assert found["wall"] == [404, 404, 404, 404]
    assert found["wall list"] is False
    assert found["reach"] == 404


def test_its_history_is_kept_and_its_bin_gives_back() -> None:
    found = told()
    assert found["audit"] == ["listing.create"]
    assert found["bin"] == [302, 404] and found["back"] == [302, 200]
    assert found["acts"] == [
        "listing.create",
        "listing.export",
        "listing.export",
        "listing.update",
        "listing.delete",
        "listing.restore",
    ]
