"""Reads what a program asks of REST: parameters of addresses and members of bodies, or says what is wrong with them.

Does not belong here: what is given back (`views.api_members`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import current_app, request

from app.errors import Invalid
from app.services import filters, queries, schema, values
from views import api_expansion, shell
from views.json_body import read_object
from views.list_state import sort_of
from views.screen import Screen

_ONCE = ("q", "sort", "cursor", "limit", "fields", "count", "expand")
_MOST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """The members that are wanted of each record, and the links to expand, name -> entity."""

    names: tuple[str, ...]
    links: dict[str, str]

    @property
    def read(self) -> tuple[str, ...]:
        """What must be read for it: a link that is expanded need not be shown."""
        return tuple(dict.fromkeys((*self.names, *self.links)))


def read_list(spec: Screen) -> tuple[queries.ListQuery, Shown, str]:
    """The query of a list, what it shows, and how its matches are to be counted: "", "capped" or "exact"."""
    args, problems = request.args, _unknown((*_ONCE, "f"))
    limit = args.get("limit", "50")
    most = current_app.config.get("API_MAX_PAGE_SIZE", queries.MAX_LIMIT)
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= most:
        problems["limit"] = f"limit is a whole number from 1 to {most}."
    wanted = _fields(spec, problems)
    counted = args.get("count", "")
    if counted not in ("", "capped", "exact"):
        problems["count"] = "count is “capped” or “exact”."
    if len(args.get("q", "")) > 200:
        problems["q"] = "A search has at most 200 characters."
    if problems:
        raise Invalid(problems)
    found = tuple(filters.parse(spec.model, text, shell.locale()) for text in args.getlist("f"))
    sort, cursor = args.get("sort") or sort_of(spec), args.get("cursor", "")
    shown = Shown(wanted, api_expansion.read(spec))
    query = queries.ListQuery(
        spec.model, shown.read, spec.search, args.get("q", ""), found, sort, cursor, int(limit), raw=True
    )
    return query, shown, counted


def read_one(spec: Screen) -> Shown:
    """What is wanted of one record."""
    problems = _unknown(("fields", "expand"))
    wanted = _fields(spec, problems)
    if problems:
        raise Invalid(problems)
    return Shown(wanted, api_expansion.read(spec))


def none() -> None:
    """Raise `Invalid` where the address has parameters."""
    problems = _unknown(())
    if problems:
        raise Invalid(problems)


def read_body(spec: Screen) -> tuple[dict[str, Any], int | None]:
    """Clean values of the members that are given, and `version`."""
    return clean(spec, read_object(_MOST_BODY, "A record has at most 1 MB."))


def clean(spec: Screen, given: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Clean values of a JSON object's members, and its `version`."""
    version = given.pop("version", None)
    writable = schema.writable(spec.model)
    problems = {n: f"“{n[:60]}” is not a field that can be set here." for n in given if n not in writable}
    if version is not None and (type(version) is not int or not 0 < version < 2**31):
        problems["version"] = "version is the whole number that the record came with."
    found = {}
    for name, value in given.items():
        if name in writable:
            try:
                found[name] = values.from_json(writable[name], value, shell.locale())
            except ValueError as error:
                problems[name] = str(error)
    if problems:
        raise Invalid(problems)
    return found, version


def _unknown(known: Iterable[str]) -> dict[str, str]:
    args = request.args
    problems = {name: f"There is no parameter “{name[:60]}”." for name in args if name not in known}
    return problems | {n: "Give this parameter once." for n in _ONCE if len(args.getlist(n)) > 1}


def _fields(spec: Screen, problems: dict[str, str]) -> tuple[str, ...]:
    members = schema.readable(spec.model)
    wanted = tuple(request.args["fields"].split(",")) if "fields" in request.args else tuple(members)
    unknown = [name for name in wanted if name not in members]
    if unknown:
        problems["fields"] = f"There is no field “{unknown[0][:60]}”."
    return wanted
