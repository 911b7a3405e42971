"""The compliance console at /compliance/: Flask-Admin views over the audit log and the other ledgers, read-only.

Flask-Admin gives the views their addresses and asks each for `is_accessible`; pages are drawn on our own base
template, so that none of Flask-Admin's templates, scripts or styles is ever loaded. Does not belong here: reading
(`app.services`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, Response, g, redirect, request
from flask_admin import Admin, AdminIndexView, expose

from app import permissions
from app.errors import NotFound
from app.services import audit_checks, audit_log, ledgers, values
from app.services.audit_log import Wanted
from models import formats, registry
from models.base import session
from models.fields import Field, Kind
from models.job import Job
from models.words import N_, _, _n, grouped
from models.workspace import Membership
from views import compliance_names as names
from views import shell
from views.action_words import entry_words
from views.ai_ledger import AiLedgerView
from views.compliance_kit import HOME, Answer, ComplianceView, LedgerView, number
from views.ledgers import ACTIONS, LEDGERS
from views.streaming import streamed

_KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def register(app: Flask) -> None:
    """Add the console; after identity, whose actor it asks."""
    admin = Admin(app, name="Compliance", index_view=AuditView(), url="/compliance")
    for ledger in LEDGERS:
        admin.add_view(AiLedgerView(ledger) if ledger.slug == "ai" else LedgerView(ledger))
    admin.add_view(DataMapView())


class AuditView(ComplianceView, AdminIndexView):
    """The audit log: browse, filter, one entry beside the list, check, export."""

    def __init__(self) -> None:
        super().__init__(name=N_("Audit log"), url="/compliance", endpoint="compliance")
        self.static_folder = None

    @expose("/")
    def index(self) -> Answer:
        wanted, asked, broken = read_filters()
        actor = shell.actor()
        page = audit_log.page(wanted, actor=actor, after=number("after"), before=number("before"))
        chosen = number("entry")
        entry = audit_log.entry(chosen, actor=actor) if chosen else None
        return self._page(wanted, asked, page, entry, broken=broken)

    @expose("/audit/<int:key>")
    def entry(self, key: int) -> Answer:
        """The lasting address of an entry."""
        return redirect(f"{HOME}?entry={audit_log.entry(key, actor=shell.actor()).row.id}")

    @expose("/audit/<int:key>/values", methods=("POST",))
    def values(self, key: int) -> Answer:
        """Open the personal values of an entry; a POST, as looking is itself noted."""
        values = audit_log.open_values(key, actor=shell.actor())
        wanted, asked, _broken = read_filters()
        page = audit_log.page(wanted, actor=shell.actor())
        return self._page(wanted, asked, page, audit_log.entry(key, actor=shell.actor()), opened=True, values=values)

    @expose("/verify", methods=("POST",))
    def verify(self) -> Answer:
        found = audit_checks.check(actor=shell.actor())
        if isinstance(found, Job):
            shell.toast(_("The check was started; its result will stand here."))
        elif found.ok:
            shell.toast(_("Checked {entries} entries: none altered or missing", entries=grouped(found.entries)))
        return redirect(HOME)

    @expose("/audit.<kind>", methods=("POST",))
    def export(self, kind: str) -> Answer:
        """The filtered log as a file; a POST, as an export leaves an entry."""
        if kind not in _KINDS:
            raise NotFound()
        body = audit_log.export(read_filters()[0], kind, actor=shell.actor())
        name = f'attachment; filename="audit-log.{kind}"'
        return Response(streamed(body), content_type=_KINDS[kind], headers={"Content-Disposition": name})

    def _page(
        self,
        wanted: Wanted,
        asked: dict[str, str],
        page: audit_log.Page,
        entry: Any,
        *,
        broken: list[str] | None = None,
        opened: bool = False,
        values: dict[str, Any] | None = None,
    ) -> str:
        zone = ZoneInfo(shell.actor().zone)
        link = f"{HOME}?{urlencode(asked)}{'&' if asked else ''}"
        people = _people()
        named = _titles(page, entry, values, people)
        return self.draw(
            "audit.html",
            asked=asked,
            link=link,
            query=urlencode(asked),
            broken=broken or [],
            actions=_actions(asked.get("action", "")),
            people=people,
            kinds=names.kinds(),
            rows=[_row(row, zone, named) for row in page.rows],
            page=page,
            filtered=bool(asked),
            check=_check(zone),
            may_export=permissions.reach(shell.actor(), "export", "audit") is not None,
            entry=entry and _entry(entry, zone, named),
            opened=opened,
            values=names.facts_of(values, named, _model(entry.row.entity)) if values else values,
        )


class DataMapView(ComplianceView):
    """Every column of every table with its category, subject, purpose and retention."""

    def __init__(self) -> None:
        super().__init__(name=N_("Data map"), url="/compliance/data-map", endpoint="compliance_data_map")

    @expose("/")
    def index(self) -> Answer:
        added = ledgers.added_fields(actor=shell.actor())
        return self.draw("data_map.html", tables=ledgers.data_map(), added=added)


def read_filters() -> tuple[Wanted, dict[str, str], list[str]]:
    """The filters of the address, as asked for, and sentences on parts that made no sense."""
    names = ("action", "who", "entity", "record", "person", "request_id", "since", "until")
    asked = {name: value for name in names if (value := request.args.get(name, "").strip()[:200])}
    broken: list[str] = []
    since, until = _day(asked, "since", broken), _day(asked, "until", broken)
    wanted = Wanted(
        action=asked.get("action", ""),
        actor_id=_whole(asked, "who", broken),
        entity=asked.get("entity", ""),
        record_id=_whole(asked, "record", broken),
        person=audit_log.person(asked.get("person", "")),
        request_id=asked.get("request_id", ""),
        since=since,
        until=until + dt.timedelta(days=1) if until else None,
    )
    return wanted, asked, broken


def _day(asked: dict[str, str], name: str, broken: list[str]) -> dt.datetime | None:
    """The start of a day in the viewer's zone."""
    if name not in asked:
        return None
    try:
        start: dt.datetime = values.from_text(Field(Kind.MOMENT), f"{asked[name]}T00:00", shell.locale())
        return start
    except ValueError:
        broken.append(_("“{value}” is no date.", value=asked.pop(name)))
        return None


def _whole(asked: dict[str, str], name: str, broken: list[str]) -> int | None:
    if name not in asked:
        return None
    if asked[name].isascii() and asked[name].isdigit() and len(asked[name]) < 19:
        return int(asked[name])
    broken.append(_("“{value}” is no number.", value=asked.pop(name)))
    return None


def _people() -> list[Any]:
    """The members to choose from, as (membership, name, account)."""
    found = sa.select(Membership.id, Membership.name, Membership.user_id).order_by(Membership.name).limit(500)
    return list(session.execute(found))


def _actions(asked: str) -> list[tuple[str, str]]:
    """What to choose an action from; one that came with the address, as from a link, is among them."""
    known = [*ACTIONS] if asked in dict(ACTIONS) or not asked else [*ACTIONS, (asked, entry_words(asked, None)[0])]
    return known


def _titles(page: audit_log.Page, entry: Any, opened: dict[str, Any] | None, people: list[Any]) -> names.Titles:
    """The names of all records that the page speaks of; accounts go by the name of their member."""
    wanted = {(row.entity, row.record_id) for row in page.rows}
    if entry:
        row, model = entry.row, _model(entry.row.entity)
        wanted |= {(row.entity, row.record_id), ("contact", row.subject_id)}
        wanted |= names.mentioned(row.facts, model) | names.mentioned(opened, model)
    known = names.titles(wanted) | {("user", user): name for _key, name, user in people}
    return known | {("workspace", g.workspace.id): g.workspace.name}


def _model(entity: str | None) -> Any:
    return registry.entities().get(entity or "")


def _row(row: Any, zone: ZoneInfo, named: names.Titles) -> tuple[Any, ...]:
    local = row.at.astimezone(zone)
    verb, bad = entry_words(row.action, row.facts)
    changed = len(row.facts.get("fields", ())) if isinstance(row.facts, dict) else 0
    change = _n("{n} field", "{n} fields", changed) if changed else ""
    record = names.link(row.entity, row.record_id, named, row.facts)
    return (
        row.id, f"{formats.day_of_month(local)} {local:%H:%M:%S}", row.at.isoformat(), row.actor, verb, bad,
        names.kind(row.entity), record, change,
    )  # fmt: skip


def _entry(entry: audit_log.Entry, zone: ZoneInfo, named: names.Titles) -> dict[str, Any]:
    row = entry.row
    verb, bad = entry_words(row.action, row.facts)
    return {
        "row": row,
        "verb": verb,
        "bad": bad,
        "kind": names.kind(row.entity),
        "record": names.link(row.entity, row.record_id, named, row.facts),
        "person": named.get(("contact", row.subject_id), f"contact #{row.subject_id}"),
        "when": f"{formats.date(row.at.astimezone(zone))} {row.at.astimezone(zone):%H:%M:%S %Z}",
        "place": entry.place,
        "before": entry.before,
        "facts": names.facts_of(row.facts, named, _model(row.entity)),
        "sealed": row.sealed is not None,
        "day": row.at.astimezone(zone).date().isoformat(),
    }


def _check(zone: ZoneInfo) -> dict[str, Any] | None:
    found = audit_checks.last()
    if found is None:
        return None
    return {"facts": found.facts, "who": found.actor, "when": shell.day(found.at, zone), "id": found.id}
