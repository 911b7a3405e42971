"""Every job that the code promises is on the list of jobs, found by reading the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jobs import registry, schedule

ROOT = Path(__file__).resolve().parent.parent.parent


def promised(source: str) -> Iterator[str]:
    """What a source promises: `x.promise("name", ...)`, or `x.promise(NAME, ...)` with NAME set in the same file."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "promise"
            and node.args
        ):
            name = node.args[0]
            if isinstance(name, ast.Constant):
                yield str(name.value)
            elif isinstance(name, ast.Name) and name.id in constants:
                yield str(constants[name.id])
            elif not (isinstance(name, ast.Attribute) and name.attr == "job"):
                yield f"a name that cannot be read: {ast.unparse(node)[:80]}"


def unknown(sources: list[str]) -> list[str]:
    known = registry.load()
    return sorted({name for source in sources for name in promised(source)} - set(known))


def test_every_promised_job_is_on_the_list() -> None:
    sources = [
        path.read_text() for folder in ("app", "views", "public_site", "jobs") for path in (ROOT / folder).rglob("*.py")
    ]
    names = {name for source in sources for name in promised(source)}
    assert {"mail.send", "ai.draft"} <= names, "the walk finds promises"
    assert unknown(sources) == []
    assert {timed.job for timed in schedule.TIMETABLE} <= set(registry.load())


def test_a_forgotten_job_is_noticed() -> None:
    assert unknown(['op.promise("no.such.job", {})']) == ["no.such.job"]
    assert unknown(["op.promise(pick(), {})"])[0].startswith("a name that cannot be read")


def test_every_job_names_a_purpose_of_the_closed_list() -> None:
    assert all(spec.purpose for spec in registry.load().values())
