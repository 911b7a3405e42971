"""Tests marked `needs("postgres" | "redis" | "chromium")` run where the service is present.

Where it is absent they are left out and loudly reported at the end; with CI=true they fail instead. Here: the marker
and the report. Not here: finding and starting services (`tests.services_present`).
"""

import os
from collections import Counter

import pytest

from tests.services_present import absence, run_dir

COUNTS = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTS] = Counter()
    if not hasattr(config, "workerinput"):
        run_dir()  # made here, so that the processes of this run share it and the first one removes it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if must_be_present():
        return
    left_out = []
    for item in items:
        service = absent_service(item)
        if service:
            config.stash[COUNTS][service] += 1
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    service = absent_service(item)
    if service:
        pytest.fail(f"needs {service}, which must be present when CI=true: {absence(service)}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = dict(session.config.stash[COUNTS])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Every worker collects all tests, so that each reports the same counts: the largest is the whole."""
    counts = node.config.stash[COUNTS]  # type: ignore[attr-defined]
    for service, count in getattr(node, "workeroutput", {}).get("left_out", {}).items():
        counts[service] = max(counts[service], count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for service, count in sorted(config.stash[COUNTS].items()):
        tests = "1 test that needs" if count == 1 else f"{count} tests that need"
        line = f"NOT RUN: {tests} {service}, because {absence(service)}."
        terminalreporter.write_line(line, red=True, bold=True)


def absent_service(item: pytest.Item) -> str | None:
    """The first service that a test needs and that is absent."""
    needed = [str(name) for mark in item.iter_markers("needs") for name in mark.args]
    return next((service for service in needed if absence(service)), None)


def must_be_present() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")
