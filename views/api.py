"""REST over the same registry, rights and services as the pages: list, get, create, update, delete.

JSON in and out (RFC 8259), errors as problem+json (RFC 9457), times as RFC 3339 in UTC, money in cents, cursor paging.
Answers only to API keys, never to cookies, so it needs no CSRF token. Does not belong here: the OpenAPI text
(`views.openapi`).
"""

from __future__ import annotations

from typing import Any

import orjson
from flask import Flask, Response, current_app, render_template, request
from flask_appbuilder.api import BaseApi, expose
from flask_wtf import CSRFProtect

from app import permissions
from app.errors import Forbidden, Invalid
from app.services import filters, queries, records, schema, values
from models import registry
from models.fields import Field
from views import openapi, shell
from views.json_body import read_object
from views.screen import Screen, screens

_LIST_PARAMETERS = frozenset({"q", "f", "sort", "cursor", "limit", "fields", "count"})
_MOST_BODY = 1 << 20


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Add `/api/v1/<entity>/` for every screen, the OpenAPI document and its page."""
    for spec in screens().values():
        name = f"{spec.entity.title().replace('_', '')}Api"
        api = type(
            name,
            (EntityApi,),
            {
                "screen": spec,
                "resource_name": spec.entity,
                "endpoint": f"api_{spec.entity}",
                "class_permission_name": spec.entity,
            },
        )
        app.appbuilder.add_api(api)  # type: ignore[attr-defined]
    app.add_url_rule("/api/v1/_openapi", "openapi", openapi_document)
    app.add_url_rule("/api/docs", "api_docs", docs)


class EntityApi(BaseApi):
    """The resource of one entity; `screen` is set by `register`."""

    screen: Screen
    version = "v1"
    allow_browser_login = False

    @expose("/", methods=("GET",))
    def get_list(self) -> Response:
        spec = self.screen
        permissions.require(shell.actor(), "read", registry.permission_entity(spec.model))
        query, counted = _read_query(spec)
        page = queries.page(query, actor=shell.actor())
        members = _members(spec, query.columns)
        body: dict[str, Any] = {
            "data": [_row(members, row) for row in page.rows],
            "next": page.next,
            "previous": page.previous,
        }
        if counted:
            number, exact = queries.count(query, actor=shell.actor(), exact=counted == "exact")
            body |= {"count": number, "count_is_exact": exact}
        return _json(body)

    @expose("/<int:key>", methods=("GET",))
    def get(self, key: int) -> Response:
        _no_parameters()
        return _json(_whole(self.screen, records.load(self.screen.model, key, actor=shell.actor())))

    @expose("/", methods=("POST",))
    def post(self) -> Response:
        _no_parameters()
        spec = self.screen
        if not spec.may_add(shell.actor()):
            raise Forbidden("write", registry.permission_entity(spec.model))
        made = records.create(spec.model, _body(spec)[0], actor=shell.actor(), source="api")
        answer = _json(_whole(spec, made), 201)
        answer.headers["Location"] = f"/api/v1/{spec.entity}/{made.id}"
        return answer

    @expose("/<int:key>", methods=("PATCH",))
    def patch(self, key: int) -> Response:
        """Set the members that are given; `version` makes others' changes since then a 409 where both touched the
        same field."""
        _no_parameters()
        spec = self.screen
        records.load(spec.model, key, actor=shell.actor())
        if not spec.may_edit(shell.actor()):
            raise Forbidden("write", registry.permission_entity(spec.model))
        clean, version = _body(spec)
        return _json(_whole(spec, records.update(spec.model, key, clean, actor=shell.actor(), version=version)))

    @expose("/<int:key>", methods=("DELETE",))
    def delete(self, key: int) -> Response:
        _no_parameters()
        records.load(self.screen.model, key, actor=shell.actor())
        if not self.screen.may_delete(shell.actor()):
            raise Forbidden("delete", registry.permission_entity(self.screen.model))
        records.delete(self.screen.model, key, actor=shell.actor())
        return Response(status=204)


def openapi_document() -> Response:
    """The OpenAPI 3.1 document of all entities."""
    return _json(openapi.document())


def docs() -> str:
    """The document as a page; needs no script and no other host."""
    return render_template("api_docs.html", title="API reference", **openapi.reading())


def readable(spec: Screen) -> dict[str, Field]:
    """The members of an entity in REST: every typed field but secrets and plumbing."""
    return dict(schema.readable(spec.model))


def _read_query(spec: Screen) -> tuple[queries.ListQuery, str]:
    args = request.args
    problems = {name: f"There is no parameter “{name[:60]}”." for name in args if name not in _LIST_PARAMETERS}
    problems |= {
        n: "Give this parameter once."
        for n in ("q", "sort", "cursor", "limit", "fields", "count")
        if len(args.getlist(n)) > 1
    }
    limit = args.get("limit", "50")
    most = current_app.config.get("API_MAX_PAGE_SIZE", queries.MAX_LIMIT)
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= most:
        problems["limit"] = f"limit is a whole number from 1 to {most}."
    members = readable(spec)
    wanted = args["fields"].split(",") if "fields" in args else list(members)
    unknown = [name for name in wanted if name not in members]
    if unknown:
        problems["fields"] = f"There is no field “{unknown[0][:60]}”."
    counted = args.get("count", "")
    if counted not in ("", "capped", "exact"):
        problems["count"] = "count is “capped” or “exact”."
    if len(args.get("q", "")) > 200:
        problems["q"] = "A search has at most 200 characters."
    if problems:
        raise Invalid(problems)
    found = tuple(filters.parse(spec.model, text, shell.locale()) for text in args.getlist("f"))
    sort = args.get("sort") or spec.sort
    return queries.ListQuery(
        spec.model,
        tuple(wanted),
        spec.search,
        args.get("q", ""),
        found,
        sort,
        args.get("cursor", ""),
        int(limit),
        raw=True,
    ), counted


def _members(spec: Screen, columns: tuple[str, ...]) -> list[tuple[str, Field, bool]]:
    """Names with their field and whether a value needs converting (times and dates do)."""
    fields = schema.fields(spec.model)
    return [(n, fields[n], fields[n].kind in ("datetime", "date") or bool(fields[n].places)) for n in columns]


def _row(members: list[tuple[str, Field, bool]], row: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": row[0]}
    for (name, field, convert), value in zip(members, row[1:], strict=True):
        made[name] = values.to_json(field, value) if convert else value
    return made


def _whole(_spec: Screen, record: Any) -> dict[str, Any]:
    return schema.whole(record)


def _body(spec: Screen) -> tuple[dict[str, Any], int | None]:
    given = read_object(_MOST_BODY, "A record has at most 1 MB.")
    version = given.pop("version", None)
    writable = schema.writable(spec.model)
    problems = {n: f"“{n[:60]}” is not a field that can be set here." for n in given if n not in writable}
    if version is not None and (type(version) is not int or not 0 < version < 2**31):
        problems["version"] = "version is the whole number that the record came with."
    clean = {}
    for name, value in given.items():
        if name in writable:
            try:
                clean[name] = values.from_json(writable[name], value, shell.locale())
            except ValueError as error:
                problems[name] = str(error)
    if problems:
        raise Invalid(problems)
    return clean, version


def _no_parameters() -> None:
    if request.args:
        raise Invalid({name: f"There is no parameter “{name[:60]}”." for name in request.args})


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")
