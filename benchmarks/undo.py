"""A bulk edit of 10,000 contacts, and its undo: afterwards the export is the same byte for byte, but for the records
that somebody changed meanwhile, which are named.

Part of `make soak`. Runs on SQLite, and on PostgreSQL (as the role that row security binds) where a server answers.
Prints how long both took, and exits with 1 if a byte differs.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app import seed_scale
from app.seed_records import Colleague
from app.services import batches, custom_fields, exports, queries, records, schema, values, verbs
from app.services.queries import ListQuery
from benchmarks.soak import quiet
from jobs import runner
from models import scope
from models.base import db, session
from models.contact import Contact
from models.job import Job
from models.policy import Category, Purpose
from tests import database_kit, jobs_kit
from tests.services_present import postgres_url

ROWS = int(os.environ.get("UNDO_ROWS", "10000"))
TOUCHED = 7
# What the product itself writes with every change, and undo, which is a change, writes again.
BOOKKEEPING = frozenset({"updated_at", "version", "last_activity"})
_TAGS = {"category": Category.CONTACT.value, "purpose": Purpose.RUN_TRANSACTIONS.value, "keep": "record"}
_SETS: tuple[tuple[str, Any], ...] = (("x_area", "south"), ("next_step", "Call them all"))


def run(app: Flask) -> bool:
    """One round for each of `_SETS`, in a workspace of its own."""
    good = True
    workspace = jobs_kit.found_workspace("undo")
    actor = jobs_kit.join(workspace, "Olive", "owner")
    with scope.inside(workspace):
        choice = {"label": "Area", "kind": "choice", "options": ["North", "South"], **_TAGS}
        custom_fields.define("contact", choice, actor=actor)
        people = [Colleague(actor.membership_id, None, actor.label, "owner")]
        now = dt.datetime.now(dt.UTC)
        seed_scale.add_contacts(workspace, ROWS, people, random.Random(1), now, actor=jobs_kit.SYSTEM)
        for name, value in _SETS:
            good = _round(app, actor, name, value) and good
    return good


def _round(app: Flask, actor: Any, name: str, value: Any) -> bool:
    ids = list(session.scalars(sa.select(Contact.id).order_by(Contact.id)))
    before = _exported(actor)
    start = time.perf_counter()
    done = verbs.run(Contact, verbs.find("contact", "set"), ids, {"field": name, "value": value}, actor=actor)
    runner.drain(app)
    took = time.perf_counter() - start
    since = random.Random(2).sample(ids, TOUCHED)
    for key in since:
        records.update(Contact, key, {name: "north" if name == "x_area" else "Changed since"}, actor=actor)
    touched = _exported(actor)
    start = time.perf_counter()
    undone = batches.undo(done.batch, actor=actor)
    runner.drain(app)
    back = time.perf_counter() - start
    left = _left(undone)
    after = _exported(actor)
    # What was changed since stays as it was changed.
    wanted = [late if key in since else line for key, line, late in zip(ids, before[1:], touched[1:], strict=True)]
    same = after == [before[0], *wanted]
    ok = same and sum(left.values()) == TOUCHED and len(left) == TOUCHED
    print(
        f"undo {db.engine.dialect.name}: {name} of {len(ids):,} contacts set in {took:.1f} s, undone in {back:.1f} s, "
        f"export of {len(before[0].split(b',')):,} columns {'the same' if same else 'DIFFERS'}, "
        f"{sum(left.values())} of {TOUCHED} changed since named: {'ok' if ok else 'FAILED'}",
        flush=True,
    )
    for key in since:
        records.update(Contact, key, {name: None}, actor=actor)
    return ok


def _left(undone: batches.Undone) -> dict[str, int]:
    if undone.job is None:
        return undone.left
    session.expire_all()
    return dict((session.scalars(sa.select(Job).where(Job.id == undone.job.id)).one().result or {}).get("left", {}))


def _exported(actor: Any) -> list[bytes]:
    """The file of all contacts with all their fields, by line."""
    session.remove()
    known = [n for n, one in schema.readable(Contact).items() if n not in BOOKKEEPING and one.kind != "json"]
    query = ListQuery(Contact, tuple(known), sort="id" if "id" in queries.sortable(Contact) else "name")
    return b"".join(exports.export(query, "csv", locale=values.Locale(), actor=actor)).split(b"\r\n")[:-1]


def _on(url: str, folder: Path) -> bool:
    app = database_kit.make_app(folder, url)
    with app.app_context():
        try:
            return run(app)
        finally:
            session.remove()
            db.engine.dispose()


def main() -> int:
    quiet()
    results: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="undo-") as name:
        results.append(_on(database_kit.sqlite(Path(name)), Path(name)))
    if postgres_url() is None:
        print("undo postgresql: NOT RUN, no server answers. Set TEST_DATABASE_URL.")
        results.append(os.environ.get("CI") != "true")
    else:
        with tempfile.TemporaryDirectory(prefix="undo-") as name, database_kit.postgres() as (_owner, url):
            results.append(_on(url, Path(name)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
