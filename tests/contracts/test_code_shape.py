"""The shape of the code that rules out whole classes of mistakes: who may commit, who may import what, how long
things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts import source

MOST_LINES, MOST_OF_A_FUNCTION = 400, 60
# The only calls of `commit` outside app/services/operation.py, with the reason.
COMMITS = {
    ("models/base.py", "super().commit"): "the session's own commit, behind the gate that operation.py sets",
}
_FORBIDDEN_NAMES = ("utils", "util", "helpers", "helper", "common", "misc")
_DOUBTFUL = {"TODO", "FIXME", "XXX", "HACK"}


def commits(path: str, tree: ast.Module) -> list[str]:
    """Calls of `commit` that are on no list."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            call = ast.unparse(node.func)
            if path != "app/services/operation.py" and (path, call) not in COMMITS:
                found.append(f"{path}:{node.lineno} calls {call}(); only an operation commits")
    return found


def long_functions(path: str, tree: ast.Module) -> list[str]:
    """Functions whose code is too long; the signature and the docstring do not count."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            if lines > MOST_OF_A_FUNCTION:
                found.append(f"{path}:{node.lineno} {node.name} has {lines} lines")
    return found


def unfinished(path: str, tree: ast.Module, text: str) -> list[str]:
    found = [f"{path} holds {word}" for word in _DOUBTFUL if f"# {word}" in text]
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc):
            found.append(f"{path}:{node.lineno} is not implemented")
    return found


def test_only_operations_commit() -> None:
    found = [fault for path in source.product() for fault in commits(path, source.tree(path))]
    assert not found, "\n".join(found)


def test_listed_commits_are_still_there() -> None:
    """A stale exception is a hole: it goes with the call it was made for."""
    for path, call in COMMITS:
        assert any(isinstance(n, ast.Call) and ast.unparse(n.func) == call for n in ast.walk(source.tree(path))), path


def test_files_and_functions_are_short() -> None:
    found = []
    for path in source.everything():
        lines = len((source.ROOT / path).read_text().splitlines())
        if lines > MOST_LINES:
            found.append(f"{path} has {lines} lines")
        if not path.startswith("migrations/"):  # a table is one statement, however many columns it has
            found += long_functions(path, source.tree(path))
    assert not found, "\n".join(found)


def test_no_module_is_a_drawer_for_everything() -> None:
    assert [path for path in source.everything() if Path(path).stem in _FORBIDDEN_NAMES] == []


def test_nothing_is_left_unfinished() -> None:
    found = [
        fault
        for path in source.product()
        for fault in unfinished(path, source.tree(path), (source.ROOT / path).read_text())
    ]
    assert not found, "\n".join(found)


def test_imports_point_down() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(tool), "--no-cache"], cwd=source.ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "0 broken" in done.stdout


def test_the_contract_sees_what_it_forbids(tmp_path: Path) -> None:
    long = "def f():\n" + "    x = 1\n" * 70
    assert long_functions("x.py", ast.parse(long)) == ["x.py:1 f has 70 lines"]
    assert commits("x.py", ast.parse("db.session.commit()")) == [
        "x.py:1 calls db.session.commit(); only an operation commits"
    ]
    assert commits("app/services/operation.py", ast.parse("live.commit()")) == []
    assert unfinished("x.py", ast.parse("raise NotImplementedError()"), "# TODO later") == [
        "x.py holds TODO",
        "x.py:1 is not implemented",
    ]


@pytest.mark.parametrize(
    ("line", "contract"),
    [
        ("import flask", "Models and services know no web framework"),
        ("import jobs.registry", "Services call nothing outside"),
    ],
)
def test_the_import_contract_sees_a_service_that_looks_up(tmp_path: Path, line: str, contract: str) -> None:
    """The same rules over a copy of the packages with one wrong line."""
    for package in source.PACKAGES:
        for path in (p for p in source.product() if p.startswith(f"{package}/")):
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                (source.ROOT / path).read_text() + (f"\n{line}\n" if path == "app/services/values.py" else "")
            )
    (tmp_path / "pyproject.toml").write_text((source.ROOT / "pyproject.toml").read_text())
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(tool), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert contract in done.stdout.split("Broken contracts", 1)[1]
