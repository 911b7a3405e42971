"""The workspace's own profile and switches at `/settings/workspace`."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Invalid
from app.services import values, workspaces
from models import registry
from models.fields import Kind
from models.words import N_, _
from models.workspace import Workspace
from views import shell
from views.freshness import require_fresh
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("workspace_settings", __name__, url_prefix="/settings/workspace")

Answer = str | Response | tuple[str, int]
_PUBLIC_PAGES = {"label": N_("Public pages"), "icon": "world", "url": "/settings/workspace/public"}
_GROUPS = (
    (N_("Brokerage"), ("name", "phone", "email", "website", "address", "license", "privacy_email")),
    (N_("How it works"), ("color", "language", "region", "zone", "currency")),
    (N_("Security"), ("require_mfa",)),
)


@pages.route("", methods=("GET", "POST"))
def show() -> Answer:
    actor = shell.actor()
    permissions.require(actor, "read", "workspace")
    may = permissions.reach(actor, "write", "workspace") is not None
    workspace = workspaces.current()
    errors: dict[str, str] = {}
    version = str(workspace.version)
    if request.method == "POST":
        try:
            _save(workspace, actor)
            flash(_("Saved."), "success")
            return redirect("/settings/workspace", 303)
        except Invalid as error:
            errors = error.fields
        except Conflict as error:
            errors, version = {"": error.message}, str(error.version)
    groups = [
        {"title": title, "fields": [_field(workspaces.current(), name, errors, may) for name in names]}
        for title, names in _GROUPS
    ]
    shown: dict[str, Any] = {
        "groups": groups,
        "action": "/settings/workspace",
        "version": version,
        "errors": problems(errors, labels_of(groups)),
    }
    if not may:
        return page("account/facts.html", title=_("Workspace"), facts=groups)
    return page(title=_("Workspace"), status=422 if errors else 200, head_actions=[_PUBLIC_PAGES], **shown)


def _save(workspace: Workspace, actor: Any) -> None:
    permissions.require(actor, "write", "workspace")
    known, clean, wrong = registry.fields(Workspace), dict[str, Any](), dict[str, str]()
    for _title, names in _GROUPS:
        for name in names:
            if known[name].kind is Kind.CHOICE and name not in request.form:
                continue
            try:
                clean[name] = values.from_text(known[name], request.form.get(name, ""), shell.locale())
            except ValueError as error:
                wrong[name] = str(error)
    if wrong:
        raise Invalid(wrong)
    if clean["require_mfa"] != workspace.require_mfa:
        require_fresh(actor, "/settings/workspace")
    sent = values.whole(request.form.get("version", ""))
    workspaces.update_profile(clean, version=sent or 0, actor=actor)


def _field(workspace: Workspace, name: str, errors: dict[str, str], may: bool) -> dict[str, Any]:
    spec = registry.fields(Workspace)[name]
    value: Any = values.to_input(spec, getattr(workspace, name), shell.locale())
    if spec.kind is Kind.BOOLEAN:
        value = bool(value)
    required = not Workspace.__table__.c[name].nullable
    display = values.to_text(spec, getattr(workspace, name), shell.locale())
    return field(
        name,
        spec.label,
        kind="color" if name == "color" else spec.kind.value,
        value=value,
        errors=errors,
        hint=spec.hint,
        choices=spec.choices,
        required=required,
        readonly=not may,
        display=display,
    )
