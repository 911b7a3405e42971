"""What account and settings pages share: the list of sections, fields as the templates read them, problems of a
form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import g, get_flashed_messages, render_template, request

from app import permissions
from models.scope import Actor
from models.words import N_

_ACCOUNT = (
    (N_("Account"), "/account/", "user"),
    (N_("Sign-in"), "/account/security", "shield-lock"),
    (N_("Sessions"), "/account/sessions", "device-desktop"),
    (N_("Granted to you"), "/account/access", "eye"),
)
_WORKSPACE = (
    # label, url, icon, entity, action
    (N_("API keys"), "/account/keys", "key", "api_key", "read"),
    (N_("Workspace"), "/settings/workspace", "settings", "workspace", "read"),
    (N_("E-mail"), "/settings/mail", "mail", "workspace", "read"),
    (N_("Tracking"), "/settings/tracking", "eye", "workspace", "read"),
    (N_("AI drafting"), "/settings/ai", "sparkles", "workspace", "read"),
    (N_("Members"), "/settings/members", "users", "membership", "read"),
    (N_("Roles"), "/settings/roles", "lock", "role", "read"),
    (N_("Granted access"), "/settings/access", "eye", "membership", "write"),
)


def nav() -> list[dict[str, Any]]:
    """The sections this person may open."""
    actor: Actor | None = g.actor
    found = list(_ACCOUNT)
    if actor is not None:
        found += [
            (label, url, icon)
            for label, url, icon, entity, action in _WORKSPACE
            if permissions.reach(actor, action, entity) is not None
        ]
    return [{"label": label, "url": url, "icon": icon, "current": _is_here(url)} for label, url, icon in found]


def page(template: str = "settings.html", *, status: int = 200, **context: Any) -> Any:
    """A settings page; what the last step said (`flash`) is shown as its notice."""
    said: Any = get_flashed_messages(with_categories=True)
    if said and "notice" not in context:
        kind, text = said[-1]
        context["notice"] = (
            {"cls": "bad", "icon": "alert-circle", "text": text}
            if kind == "error"
            else {"cls": "acc", "icon": "check", "text": text}
        )
    shown = render_template(template, settings_nav=nav(), **context)
    return shown if status == 200 else (shown, status)


def field(
    name: str, label: str, *, kind: str = "text", value: Any = "", errors: Mapping[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """A field of parts/field.html; after a failed POST of its form it holds what was typed."""
    typed: Any = value
    ours = name in request.form or kind in ("multichoice", "boolean")
    if request.method == "POST" and ours and kind != "password" and not more.get("readonly"):
        typed = (
            set(request.form.getlist(name))
            if kind == "multichoice"
            else (request.form.get(name) == "1" if kind == "boolean" else request.form.get(name, ""))
        )
    problem = (errors or {}).get(name)
    return {"name": name, "label": label, "kind": kind, "value": typed, "errors": [problem] if problem else [], **more}


def problems(errors: Mapping[str, str], labels: Mapping[str, str]) -> list[dict[str, str]]:
    """The summary above a form."""
    return [
        {"field": name if name in labels else "", "label": labels.get(name, ""), "text": text}
        for name, text in errors.items()
    ]


def labels_of(groups: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {f["name"]: f["label"] for group in groups for f in group["fields"]}


def _is_here(url: str) -> bool:
    return request.path == url if url == "/account/" else request.path.startswith(url)
