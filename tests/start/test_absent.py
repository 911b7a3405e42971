"""A suite whose service is absent is never silently green: it is named at the end, and fails where CI=true."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import pytest

@pytest.mark.needs("chromium")
def test_page(): assert True

@pytest.mark.needs("redis")
def test_queue(): assert True

def test_plain(): assert True
"""


def run_suite(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_suite.py").write_text(SUITE)
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST_", "CRM_TEST"))}
    command = [sys.executable, "-m", "pytest", "-p", "tests.plugins.absent", "-p", "no:cacheprovider", *arguments]
    command += ["--rootdir", str(tmp_path), "-c", str(ROOT / "pyproject.toml"), str(tmp_path / "test_suite.py")]
    return subprocess.run(command, cwd=ROOT, env=outside | environment, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_an_absent_service_is_reported_with_its_reason(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run_suite(tmp_path, *arguments, CHROMIUM="/absent/chromium")
    assert done.returncode == 0, done.stdout
    assert "NOT RUN: 1 test that needs chromium, because CHROMIUM names no program" in done.stdout
    assert "2 passed" in done.stdout


def test_an_absent_service_fails_in_ci(tmp_path: Path) -> None:
    done = run_suite(tmp_path, CHROMIUM="/absent/chromium", CI="true")
    assert done.returncode == 1
    assert "needs chromium, which must be present when CI=true" in done.stdout
    assert "2 passed, 1 error" in done.stdout


def test_a_present_service_runs_and_nothing_is_reported(tmp_path: Path) -> None:
    done = run_suite(tmp_path, CHROMIUM=sys.executable)
    assert done.returncode == 0, done.stdout
    assert "NOT RUN" not in done.stdout
    assert "3 passed" in done.stdout
