"""Walks the URL map: every route with every method it knows, its arguments filled in, so that a forgotten route
fails a contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import IntegerConverter, Map, Rule

from app.services import verbs
from views.headers import asset
from views.screen import Screen, screens

SILENT = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make. `numbered` says that the address holds a record's id, `screen` whose route it is."""

    method: str
    url: str
    rule: str
    endpoint: str
    numbered: bool
    screen: Screen | None

    def __str__(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def api(self) -> bool:
        return self.rule.startswith(("/api/v1/", "/v1/")) and self.endpoint != "openapi"


def calls(app: Flask, key: int, *methods: str) -> list[Call]:
    """Every route of the application, with `key` in the place of every number; `methods` narrows."""
    found = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: (r.rule, r.endpoint)):
        owner = screen_of(rule)
        numbered = any(isinstance(c, IntegerConverter) for c in rule._converters.values())
        for method in sorted((rule.methods or set()) - SILENT):
            if not methods or method in methods:
                found += [
                    Call(method, url, rule.rule, rule.endpoint, numbered, owner) for url in _urls(app, rule, key, owner)
                ]
    return found


def screen_of(rule: Rule) -> Screen | None:
    """The screen whose page or resource a route is."""
    for spec in screens().values():
        if rule.rule.startswith((f"/{spec.slug}/", f"/api/v1/{spec.entity}/")):
            return spec
    return None


def _urls(app: Flask, rule: Rule, key: int, owner: Screen | None) -> Iterator[str]:
    choices: list[dict[str, Any]] = [{}]
    for name, converter in rule._converters.items():
        options = [key] if isinstance(converter, IntegerConverter) else _examples(app, name, owner)
        choices = [{**chosen, name: option} for chosen in choices for option in options]
    adapter = app.url_map.bind("localhost")
    for chosen in choices:
        yield adapter.build(rule.endpoint, chosen, method=next(iter(rule.methods or {"GET"})))


def _examples(app: Flask, name: str, owner: Screen | None) -> list[str]:
    if name == "name" and owner is not None:
        return list(verbs_of(owner))
    if name == "field" and owner is not None:
        return [owner.title, *owner.columns[1:2]]
    known: dict[str, Callable[[], list[str]]] = {
        "kind": lambda: ["csv", "xlsx"],
        "entity": lambda: ["contact"],
        "batch": lambda: ["no-such-batch"],
        "token": lambda: ["no-such-token"],
        "start": lambda: ["zanzibar"],
        "digest": lambda: [_asset(app)[2]],
        "filename": lambda: ["icons.svg"],
        "path": lambda: ["x"],
        "slug": lambda: ["harbour"],
        "address": lambda: ["zanzibar-harbour"],
        "name": lambda: ["x"],
    }
    if name not in known:
        pytest.fail(f"The walk knows no example for <{name}>; add one to `_examples` in tests/contracts/walk.py.")
    return known[name]()


def verbs_of(screen: Screen) -> dict[str, verbs.Verb]:
    """The verbs that a screen offers."""
    return {name: one for name, one in verbs.of(screen.entity).items() if screen.edits or not one.edits}


def _asset(app: Flask) -> list[str]:
    with app.app_context():
        return asset("icons.svg").split("/")


@contextmanager
def extra_route(app: Flask, rule: str, view: Callable[..., Any], *methods: str) -> Iterator[None]:
    """The application with one more route, for a contract's broken twin; gone afterwards."""
    kept = app.url_map
    app.url_map = Map(
        [one.empty() for one in kept.iter_rules()], host_matching=kept.host_matching, converters=kept.converters
    )
    app.url_map.add(Rule(rule, endpoint="broken_twin", methods=methods or ("GET",)))
    app.view_functions["broken_twin"] = view
    try:
        yield
    finally:
        app.url_map = kept
        del app.view_functions["broken_twin"]


def report(failures: list[str], what: str) -> str:
    return f"{len(failures)} {what}:\n  " + "\n  ".join(failures[:60])
