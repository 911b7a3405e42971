"""One call in the AI ledger: everything that is known of it, and the copy of what was handed over.

Does not belong here: the list, which is a ledger like the others (`views.ledgers`).
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from flask_admin import expose

from app.services import ai_ledger
from models.ai import AiCall
from models.words import _
from views import compliance_names as names
from views import shell
from views.compliance_kit import Answer, LedgerView


class AiLedgerView(LedgerView):
    """The ledger with a page for each call."""

    @expose("/<int:key>")
    def call(self, key: int) -> Answer:
        return self._show(ai_ledger.get(key, actor=shell.actor()))

    @expose("/<int:key>/copy", methods=("POST",))
    def copy(self, key: int) -> Answer:
        """Open the redacted copy; a POST, as looking is itself noted."""
        call, text = ai_ledger.open_copy(key, actor=shell.actor())
        return self._show(call, opened=True, text=text)

    def _show(self, call: AiCall, *, opened: bool = False, text: str | None = None) -> Answer:
        spec, zone = self.ledger, ZoneInfo(shell.actor().zone)
        cells = dict(zip(spec.names(), spec.cells(call, spec.titles([call]), zone), strict=True))
        more = {
            _("Answered"): names.words(call.answered_at, zone),
            _("Status"): str(call.status or ""),
            _("Bytes received"): str(call.reply_bytes) if call.reply_bytes is not None else "",
            _("At most"): ai_ledger.dollars(call.reserved),
            _("Job"): f"#{call.job_id}" if call.job_id else "",
        }
        facts: list[tuple[str, Any]] = [(label, cells[name]) for name, label in spec.columns] + list(more.items())
        return self.draw(
            "ai_call.html",
            title=_("AI call {number}", number=call.id),
            facts=[(label, value) for label, value in facts if value not in ("", None)],
            key=call.id,
            sealed=call.sealed is not None,
            opened=opened,
            text=text,
        )
