"""REST over the same registry, rights and services as the pages: list, get, create, update, delete, bulk.

JSON in and out (RFC 8259), errors as problem+json (RFC 9457), times as RFC 3339 in UTC, money in cents, cursor paging.
Answers only to API keys, never to cookies, so it needs no CSRF token. Does not belong here: the OpenAPI text
(`views.openapi`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, render_template
from flask_appbuilder.api import BaseApi, expose
from flask_wtf import CSRFProtect

from app import permissions
from app.errors import Forbidden
from app.services import queries, records, schema
from models import registry
from views import api_bulk, api_expansion, api_parameters, openapi, openapi_page, shell
from views.api_conditions import hold, tagged
from views.api_members import columns, row
from views.api_once import once
from views.api_parameters import Shown
from views.screen import Screen, screens

_GUIDE = Path(__file__).resolve().parent.parent / "docs" / "api.md"


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
    app.add_url_rule("/api/docs/guide.txt", "api_guide", guide)


class EntityApi(BaseApi):
    """The resource of one entity; `screen` is set by `register`."""

    screen: Screen
    version = "v1"
    allow_browser_login = False

    @expose("/", methods=("GET",))
    def get_list(self) -> Response:
        spec = self.screen
        permissions.require(shell.actor(), "read", registry.permission_entity(spec.model))
        query, shown, counted = api_parameters.read_list(spec)
        page = queries.page(query, actor=shell.actor(), counted=bool(counted), exact=counted == "exact")
        members = columns(spec, query.columns)
        data = _shown([row(members, one) for one in page.rows], shown)
        body: dict[str, Any] = {"data": data, "next": page.next, "previous": page.previous}
        if counted:
            body["count"], body["count_is_exact"] = page.count
        return _json(body)

    @expose("/<int:key>", methods=("GET",))
    def get(self, key: int) -> Response:
        spec = self.screen
        shown = api_parameters.read_one(spec)
        record = records.load(spec.model, key, actor=shell.actor())
        (made,) = _shown([schema.whole(record, shown.read)], shown)
        return tagged(_json(made), record)

    @expose("/", methods=("POST",))
    @once("create")
    def post(self) -> Response:
        api_parameters.none()
        spec = self.screen
        if not spec.may_add(shell.actor()):
            raise Forbidden("write", registry.permission_entity(spec.model))
        clean, _ = api_parameters.read_body(spec)
        made = records.create(spec.model, clean, actor=shell.actor(), source="api")
        answer = tagged(_json(schema.whole(made), 201), made)
        answer.headers["Location"] = f"/api/v1/{spec.entity}/{made.id}"
        return answer

    @expose("/_bulk", methods=("POST",))
    @once("bulk")
    def bulk(self) -> Response:
        api_parameters.none()
        return _json(api_bulk.run(self.screen))

    @expose("/<int:key>", methods=("PATCH",))
    @once("update")
    def patch(self, key: int) -> Response:
        """Set the members that are given; `version` makes others' changes since then a 409 where both touched the
        same field. `If-Match` refuses whatever others changed."""
        api_parameters.none()
        spec = self.screen
        record = records.load(spec.model, key, actor=shell.actor(), action="write")
        if not spec.may_edit(shell.actor()):
            raise Forbidden("write", registry.permission_entity(spec.model))
        hold(record)
        clean, version = api_parameters.read_body(spec)
        record = records.update(spec.model, key, clean, actor=shell.actor(), version=version)
        return tagged(_json(schema.whole(record)), record)

    @expose("/<int:key>", methods=("DELETE",))
    @once("delete")
    def delete(self, key: int) -> Response:
        api_parameters.none()
        record = records.load(self.screen.model, key, actor=shell.actor(), action="delete")
        if not self.screen.may_delete(shell.actor()):
            raise Forbidden("delete", registry.permission_entity(self.screen.model))
        hold(record)
        records.delete(self.screen.model, key, actor=shell.actor())
        return Response(status=204)


def openapi_document() -> Response:
    """The OpenAPI 3.1 document of all entities."""
    return _json(openapi.document())


def docs() -> str:
    """The document as a page; needs no script and no other host."""
    return render_template("api_docs.html", title="API reference", **openapi_page.reading())


def guide() -> Response:
    """How the API is used, by example, as the text that it is."""
    return Response(_GUIDE.read_bytes(), content_type="text/plain; charset=utf-8")


def _shown(found: list[dict[str, Any]], shown: Shown) -> list[dict[str, Any]]:
    """Records with what `expand` asks for, and without what was read for that alone."""
    if shown.links:
        api_expansion.expand(found, shown.links)
        for name in set(shown.links) - set(shown.names):
            for record in found:
                del record[name]
    return found


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")
