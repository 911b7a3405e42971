"""Every job that any code promises is on the list of jobs, and every job on the list says what it is for (P9)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jobs import registry, schedule
from models.policy import Purpose
from tests.contracts import source


def promises(tree: ast.Module, constants: dict[str, str]) -> Iterator[tuple[int, str | None, set[str]]]:
    """Line, job name (None where it cannot be read) and keywords of each `….promise(name, …)` call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "promise":
            first = node.args[0] if node.args else None
            yield node.lineno, _text(first, constants), {word.arg for word in node.keywords if word.arg}


def faults(path: str, tree: ast.Module, known: set[str]) -> list[str]:
    found = []
    for line, name, words in promises(tree, source.constants(tree)):
        if name is None:
            found.append(f"{path}:{line} promises a job whose name is no text and no constant of the module")
        elif name not in known:
            found.append(f"{path}:{line} promises “{name}”, which no job is named")
        if "purpose" not in words:
            found.append(f"{path}:{line} names no purpose")
    return found


def test_every_promised_job_exists() -> None:
    known, found, seen = set(registry.load()), [], 0
    for path in source.product():
        if path == "jobs/schedule.py":  # promises what the timetable says; see below
            continue
        tree = source.tree(path)
        seen += len(list(promises(tree, {})))
        found += faults(path, tree, known)
    assert not found, "\n".join(found)
    assert seen >= 4


def test_every_job_of_the_timetable_exists() -> None:
    known = registry.load()
    assert schedule.TIMETABLE
    for timed in schedule.TIMETABLE:
        assert timed.job in known, timed.job
        assert timed.purpose is known[timed.job].purpose, timed.job


def test_every_job_has_a_purpose_a_queue_and_a_module_on_the_list() -> None:
    # Other tests of the same process declare jobs of their own.
    specs = {n: s for n, s in registry.load().items() if not s.function.__module__.startswith("tests.")}
    assert specs
    for name, spec in specs.items():
        assert spec.name == name and isinstance(spec.purpose, Purpose) and spec.queue, name
        assert spec.function.__module__ in registry.MODULES, (
            f"{name}: add {spec.function.__module__} to jobs.registry.MODULES"
        )
    with_jobs = {
        path
        for path in source.product()
        if path.startswith("jobs/") and "@job(" in Path(source.ROOT / path).read_text()
    }
    assert {path.removesuffix(".py").replace("/", ".") for path in with_jobs} <= set(registry.MODULES)


def test_the_contract_sees_a_promise_that_nobody_keeps() -> None:
    broken = ast.parse(
        'op.promise("never.heard", {}, purpose=P)\n'
        'op.promise("mail.account", {})\nop.promise(name, {}, purpose=P)\nX = "lost.too"\nop.promise(X, {}, purpose=P)'
    )
    assert [words.split(" ", 1)[1] for words in faults("x.py", broken, set(registry.load()))] == [
        "promises “never.heard”, which no job is named",
        "names no purpose",
        "promises a job whose name is no text and no constant of the module",
        "promises “lost.too”, which no job is named",
    ]


def _text(node: ast.expr | None, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None
