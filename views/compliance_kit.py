"""What the pages of the compliance console share: who may open them, the menu, and the list of a ledger."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import render_template, request
from flask_admin import BaseView, expose
from werkzeug.wrappers import Response as AnyResponse

from app import permissions
from app.errors import Forbidden
from app.services import ledgers
from models.words import _
from views import shell
from views.ledgers import LEDGERS, Ledger

HOME = "/compliance/"
Answer = str | AnyResponse


class ComplianceView(BaseView):
    """A page for those with the right to read the audit log; everybody else gets the 403 page."""

    def is_accessible(self) -> bool:
        return permissions.reach(shell.actor(), "read", "audit") is not None

    def inaccessible_callback(self, _name: str, **_kwargs: Any) -> Any:
        raise Forbidden("read", "audit")

    def draw(self, template: str, **context: Any) -> str:
        """Render with the menu of this side."""
        return render_template(f"compliance/{template}", nav=menu(), zone=shell.actor().zone, **context)


class LedgerView(ComplianceView):
    """One of the other ledgers, as `views.ledgers` declares it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(
            name=ledger.title, url=f"/compliance/{ledger.slug}", endpoint=f"compliance_{ledger.slug.replace('-', '_')}"
        )
        self.ledger = ledger

    @expose("/")
    def index(self) -> Answer:
        spec = self.ledger
        filters = {name: value for name in spec.filters if (value := request.args.get(name, "")[:200])}
        page = ledgers.page(
            spec.model,
            spec.names(),
            spec.exact(filters),
            actor=shell.actor(),
            after=number("after"),
            before=number("before"),
        )
        zone, known = ZoneInfo(shell.actor().zone), spec.titles(page.rows)
        rows = [(row.id, spec.cells(row, known, zone)) for row in page.rows]
        return self.draw(
            "ledger.html",
            spec=spec,
            rows=rows,
            page=page,
            filters=filters,
            link=f"?{urlencode(filters)}{'&' if filters else ''}",
        )


def menu() -> tuple[shell.Group, ...]:
    """The menu of the compliance side."""
    here = request.path + ("?sign_ins" if request.args.get("action") == "sign_in" else "")
    entries = [("", _("Audit log"), HOME, "history")]
    entries += [(ledger.group, ledger.title, f"/compliance/{ledger.slug}/", ledger.icon) for ledger in LEDGERS]
    entries += [(_("Inventory"), _("Data map"), "/compliance/data-map/", "table")]
    entries += [(_("Security"), _("Sign-ins"), f"{HOME}?action=sign_in", "shield-lock")]
    groups: dict[str, list[shell.Item]] = {}
    for group, label, url, symbol in entries:
        current = here == url.replace("?action=sign_in", "?sign_ins")
        groups.setdefault(group, []).append(shell.Item(label, url, symbol, current, quick=not group))
    return tuple(shell.Group(label, tuple(items)) for label, items in groups.items())


def number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
