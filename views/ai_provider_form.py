"""The form of one AI provider: what is read from it, and its fields."""

from __future__ import annotations

from typing import Any

from flask import request

from app.errors import Invalid
from app.services import ai_providers, values
from models.ai import KINDS, AiProvider
from models.fields import Field, Kind
from models.words import N_, _
from views import shell
from views.settings_kit import field

_MONEY = Field(Kind.MONEY)
_KEEP = N_("A key is kept and is never shown. Leave this empty to keep it.")
_TEXTS = ("name", "kind", "base_url", "model", "key", "terms_url", "terms_version")


def given() -> dict[str, Any]:
    """What was typed, with prices in cents. Raises `Invalid`."""
    typed: dict[str, Any] = {name: request.form.get(name, "").strip() for name in _TEXTS}
    wrong = {}
    for name in ("price_in", "price_out"):
        try:
            typed[name] = values.from_text(_MONEY, request.form.get(name, "") or "0", shell.locale())
            if not 0 <= typed[name] <= 10_000_000:
                raise ValueError(_("Type an amount from 0 to 100,000."))
        except ValueError as error:
            wrong[name] = str(error)
    if typed["terms_url"] and not typed["terms_url"].startswith("https://"):
        wrong["terms_url"] = _("Type the address of the terms, beginning with https://")
    if wrong:
        raise Invalid(wrong)
    return typed


def groups(one: AiProvider | None, errors: dict[str, str]) -> list[dict[str, Any]]:
    """The fields in their groups; after a failed POST they hold what was typed."""
    hint = _("Providers act under their own terms. Who accepted which version, and when, is kept.")
    return [
        {"title": _("Provider"), "fields": _place(one, errors)},
        {"title": _("Prices"), "fields": _prices(one, errors)},
        {"title": _("Terms"), "fields": _terms(one, errors), "hint": hint},
    ]


def _place(one: AiProvider | None, errors: dict[str, str]) -> list[dict[str, Any]]:
    kind = one.kind if one else "openai"
    address = one.base_url if one else ai_providers.DEFAULT_URLS[kind]
    where = _("Where its calls go, as in {example}", example=ai_providers.DEFAULT_URLS["openai"])
    own = ", ".join(sorted(ai_providers.servers()))
    if own:
        where = _(
            "{where}. Servers of your own: {servers}", where=where, servers=", ".join(sorted(ai_providers.servers()))
        )
    model = _("As the provider names it")
    key = str(_KEEP) if one and one.key else _("Kept sealed. Servers of your own may need none.")
    kinds: dict[str, Any] = {"kind": "choice", "value": kind, "choices": KINDS}
    return [
        field("name", _("Name"), value=one.name if one else "", errors=errors, required=True, max=80),
        field("kind", _("Speaks like"), errors=errors, required=True, **kinds),
        field("base_url", _("Address"), kind="url", value=address, errors=errors, required=True, max=500, hint=where),
        field("model", _("Model"), value=one.model if one else "", errors=errors, required=True, max=80, hint=model),
        field("key", _("Key"), kind="password", errors=errors, secret=True, hint=key),
    ]


def _prices(one: AiProvider | None, errors: dict[str, str]) -> list[dict[str, Any]]:
    sent, received = (
        values.to_input(_MONEY, cents, shell.locale()) for cents in ((one.price_in, one.price_out) if one else (0, 0))
    )
    hint = _("US dollars, as the provider lists it; your budget counts by it")
    return [
        field("price_in", _("Price of a million tokens sent"), kind="money", value=sent, errors=errors, hint=hint),
        field("price_out", _("Price of a million tokens received"), kind="money", value=received, errors=errors),
    ]


def _terms(one: AiProvider | None, errors: dict[str, str]) -> list[dict[str, Any]]:
    url = one.terms_url if one else ai_providers.TERMS["openai"]
    version: dict[str, Any] = {"value": one.terms_version if one else "", "max": 80, "required": True}
    hint = _("The date or number that stands on them; another version is to be accepted anew")
    accept = _("I have read these terms and accept them for the brokerage")
    return [
        field("terms_url", _("Address of the terms"), kind="url", value=url, errors=errors, max=500),
        field("terms_version", _("Version of the terms"), errors=errors, hint=hint, **version),
        field("accept", accept, kind="boolean", value=False, errors=errors),
    ]
