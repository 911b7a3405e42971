"""Every surface that a role can ask, of the URL map, the screens and the registry, and what each says.

Does not belong here: the worlds that are asked (`tests.contracts.hidden_worlds`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import openpyxl
import orjson
from werkzeug.test import TestResponse

from app.services import ai_features, ai_inputs, explain, filters, hook_deliveries, records, schema, verbs, view_mail
from app.services.imports import batches, run
from app.services.imports.reading import open_table
from models import registry, scope
from models.base import session
from models.webhook import WebhookDelivery
from tests.contracts import samples, walk
from tests.contracts.hidden_worlds import RECORDS, WHO, Worlds
from tests.contracts.samples import SUMMIT_ID
from views.screen import Screen, screens

Told = dict[str, str]
# What is drawn anew for each page, and says nothing of a record.
_RANDOM = (
    (re.compile(r'(name="csrf_token" value=|name="csrf-token" content=|nonce=|data-csrf=)"?[^" >]+'), r"\1*"),
    (re.compile(r'"csrf_token": ?"[^"]+"'), "csrf"),
    (re.compile(r'(name="t" value=)"[^"]+'), r"\1*"),
    (re.compile(r"\b(msg_)?[0-9a-f]{16,64}\b(?=[\"/?<& ])"), "*"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "*"),
)
# Pages that end a session, prove who one is, or make secrets: they tell of no record, and differ each time.
_APART = ("/auth/", "/account", "/static", "/healthz", "/readyz", "/metrics", "/hooks/", "/users/")


def told(worlds: Worlds, *, entities: tuple[str, ...] = ()) -> Told:
    """What every surface says to the role, by name of the surface; those that write come last."""
    found: Told = {}
    specs = [s for s in screens().values() if not entities or s.entity in entities]
    for ask in (_pages, _lists, _programs, _services, _forms):
        for name, answer in ask(worlds, specs):
            found[name] = answer
    return found


def differences(first: Told, second: Told) -> list[str]:
    """The surfaces that say something else, with the place where they do."""
    found = []
    for name in first.keys() | second.keys():
        one, other = first.get(name, "(not asked)"), second.get(name, "(not asked)")
        if one != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            start = max(at - 60, 0)
            found.append(f"{name}: …{one[start : at + 60]!r} / …{other[start : at + 60]!r}")
    return sorted(found)


def broken(told_: Told) -> list[str]:
    """Surfaces that broke down: a page that fails hides nothing on purpose."""
    return sorted(name for name, text in told_.items() if text.startswith("5"))


Answers = Iterator[tuple[str, str]]


def _pages(worlds: Worlds, specs: list[Screen]) -> Answers:
    """Every address that answers to GET, also those of no entity."""
    for call in walk.calls(worlds.app, SUMMIT_ID, "GET"):
        if call.rule.startswith(_APART) or (call.screen is not None and call.screen not in specs):
            continue
        client = worlds.key if call.api else worlds.client
        yield str(call), _text(client.get(call.url))


def _lists(worlds: Worlds, specs: list[Screen]) -> Answers:
    """Lists, boards, calendars, searches and pickers, asked by every hidden field."""
    get = lambda url: _text(worlds.client.get(url))  # noqa: E731  said often below
    for spec in specs:
        names, base = list(worlds.hidden.get(spec.entity, {})), spec.url()
        asked = [f"f={n}:filled" for n in names] + [f"cols={n}" for n in names]
        nested = quote(orjson.dumps({"or": [*(f"{n}:filled" for n in names), f"{spec.title}:filled"]}).decode())
        urls = [
            f"{base}?{'&'.join(asked)}", f"{base}?w={nested}", f"{base}?q=opaque", f"{base}?q=opaque1&totals=1",
            f"{spec.url(page='picker')}?q=opaque", f"{base}?totals=1&display=board", f"{base}?display=calendar",
            f"{spec.url(page='builder')}?{'&'.join(asked)}", f"{base}?{'&'.join(f'f={n}:empty' for n in names)}",
            f"{spec.url(SUMMIT_ID)}?tab=history", f"{spec.url(SUMMIT_ID)}?show=changes",
            *(f"{spec.url(SUMMIT_ID)}?tab=related-{other}" for other in spec.related),
        ]  # fmt: skip
        for name in names:
            urls += [f"{base}?sort=-{name}&group={name}&totals=1", f"{base}?display=board&by={name}"]
            urls += [f"{base}?display=calendar&by={name}", spec.url(SUMMIT_ID, f"cell/{name}")]
            urls.append(f"/why?who={worlds.office.people[WHO].membership_id}&entity={spec.entity}&act=see&field={name}")
        for view in _views_of(worlds, spec.entity):
            urls.append(f"{base}?view={view}")
        for url in urls:
            yield f"GET {url}", get(url)
    for q in ("opaque", "opaque1", samples.WORD):
        for url in (f"/search/?q={q}", f"/search/palette?q={q}"):
            yield f"GET {url}", get(url)


def _views_of(worlds: Worlds, entity: str) -> list[int]:
    with worlds.app.app_context(), worlds.office.inside():
        return [view.id for view in schema.current().views.get(entity, ())]


def _programs(worlds: Worlds, specs: list[Screen]) -> Answers:
    """REST by every parameter, its description, and its tags."""
    for spec in specs:
        base, names = f"/api/v1/{spec.entity}/", list(worlds.hidden.get(spec.entity, {}))
        urls = [f"{base}?count=exact", f"{base}?q=opaque&count=exact", f"{base}{SUMMIT_ID}"]
        for name in names:
            urls += [
                f"{base}?f={name}:filled",
                f"{base}?sort={name}",
                f"{base}?fields=id,{name}",
                f"{base}?expand={name}",
            ]
        wide = samples.expansion(spec)
        urls += [f"{base}?{wide}"] * bool(wide)
        for url in urls:
            answer = worlds.key.get(url)
            yield f"REST {url}", _text(answer) + str(answer.headers.get("ETag"))
    yield "REST description", _text(worlds.key.get("/api/v1/_openapi"))


def _services(worlds: Worlds, specs: list[Screen]) -> Answers:
    """What leaves the house without a page: letters, webhooks, what an AI reads, and the preview of an import."""
    office = worlds.office
    person = office.people[WHO]
    with worlds.app.app_context(), office.inside(), scope.seen_as(person.role_id):
        actor = office.actor(WHO)
        for spec in specs:
            for view in schema.current().views.get(spec.entity, ()):
                if view.membership_id == office.owner.membership_id:
                    letter = partial(view_mail._letter, spec.entity, view, actor)
                    yield f"letter of {spec.entity}", _said(letter)
            for verb in ("created", "updated", "deleted"):
                body = {"data": {"id": SUMMIT_ID, "changed": sorted(worlds.hidden.get(spec.entity, {}))}}
                sent = WebhookDelivery(
                    entity=spec.entity, record_id=SUMMIT_ID, event_type=f"{spec.entity}.{verb}", body=body
                )
                yield f"webhook {spec.entity}.{verb}", repr(hook_deliveries._body(sent))
            yield f"filters of {spec.entity}", repr(sorted(filters.filterable(spec.model)))
            yield f"settable of {spec.entity}", repr(sorted(verbs.settable(spec.model)))
            yield f"explained fields of {spec.entity}", repr(sorted(explain.fields(spec.entity)))
        for one in ai_features.features().values():
            if any(spec.entity == one.about for spec in specs):
                yield f"AI reads for {one.key}", _said(partial(_handed_over, one, actor))
        if any(spec.entity == "contact" for spec in specs):
            yield "import", _said(lambda: _imported(actor))
        session.rollback()


def _handed_over(feature: ai_features.Feature, actor: Any) -> Any:
    """What a provider would be told."""
    return ai_inputs._read(feature, records.load(registry.entity(feature.about), SUMMIT_ID, actor=actor), {}, actor)


def _imported(actor: Any) -> Any:
    """What an import would do with rows that name what is hidden."""
    rows = [f"Person {n},opaque{n}.email@example.com,+1415555018{n},opaque{n}company" for n in (0, 1, 8, 9)]
    rows += [f"{samples.WORD} summit name,,,"]
    data = "\n".join(["Name,Email,Phone,Company", *rows]).encode()
    with open_table(data, "file.csv") as table:
        batch = batches.receive(table, "file.csv", basis="consent", words="A list", keep=lambda: "none", actor=actor)
    found = run.preview(batch, io.BytesIO(data), actor=actor)
    return batch.mapping, found.counts, [(o.verdict, o.row.problem) for o in found.rows]


def _said(ask: Callable[[], Any]) -> str:
    try:
        return repr(ask())
    except Exception as error:
        return repr(error)


def _forms(worlds: Worlds, specs: list[Screen]) -> Answers:
    """What is sent: files, dry runs, forms with an old version, cells, bodies, and every other POST there is."""
    client, key = worlds.client, worlds.key
    for spec in specs:
        names = list(worlds.hidden.get(spec.entity, {}))
        for kind in ("csv", "xlsx"):
            url = f"{spec.url(page=f'export.{kind}')}?{'&'.join(f'cols={n}' for n in names)}"
            yield f"POST {url}", _text(client.submit(url))
        ids = {"ids": [str(key) for key in RECORDS]}
        for name, asked in walk.verbs_of(spec).items():
            yield f"dry {name} of {spec.entity}", _text(client.submit(spec.url(page=f"bulk/{name}"), ids))
            given = samples.typed_answers(asked, SUMMIT_ID, spec.model) | {"field": names[0] if names else ""}
            page = client.submit(spec.url(page=f"bulk/{name}"), ids | given)
            yield f"dry {name} of a hidden field of {spec.entity}", _text(page)
        typed = samples.typed(
            spec.model, samples.values_of(spec.model, "late", dict.fromkeys(registry.entities(), SUMMIT_ID))
        )
        if spec.edits:
            yield (
                f"stale form of {spec.entity}",
                _text(client.submit(spec.url(SUMMIT_ID, "edit"), {**typed, "version": "0"})),
            )
            for name in names:
                answer = key.patch(f"/api/v1/{spec.entity}/{SUMMIT_ID}", json={name: None})
                yield f"PATCH {spec.entity} {name}", _text(answer)
            title = {spec.title: "opaque"} if spec.title in schema.writable(spec.model) else {}
            answer = key.patch(f"/api/v1/{spec.entity}/{SUMMIT_ID}", json=title)
            yield f"PATCH {spec.entity}", _text(answer) + str(answer.headers.get("ETag"))
            yield f"cell of {spec.entity}", _text(client.get(spec.url(SUMMIT_ID, f"cell/{spec.title}")))
        if spec.adds:
            yield f"form of a new {spec.entity}", _text(client.submit(spec.url(page="new"), typed))
    for call in walk.calls(worlds.app, SUMMIT_ID, "POST", "DELETE"):
        if call.rule.startswith(_APART) or (call.screen is not None and call.screen not in specs):
            continue
        if call.api:
            body = {"json": {}} if call.method == "POST" else {}
            yield f"last {call}", _text(key.open(call.url, method=call.method, **body))
        else:
            yield f"last {call}", _text(client.submit(call.url, {"ids": str(SUMMIT_ID), "name": "opaque1"}))


def _text(answer: TestResponse) -> str:
    """Status, where it leads to, and the body without what is drawn at random."""
    if answer.mimetype.endswith("spreadsheetml.sheet"):
        book = openpyxl.load_workbook(io.BytesIO(answer.get_data()), read_only=True)
        text = repr([list(row) for sheet in book for row in sheet.iter_rows(values_only=True)])
    else:
        text = answer.get_data(as_text=True)
    for pattern, instead in _RANDOM:
        text = pattern.sub(instead, text)
    return f"{answer.status_code} {answer.headers.get('Location', '')}\n{text}"
