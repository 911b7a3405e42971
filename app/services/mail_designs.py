"""The blocks of a campaign or a template while somebody writes them: read, changed by one act at a time, saved.

Does not belong here: the shapes of blocks (`app.services.mail_blocks`), how they look (`app.services.mail_drawing`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, NotFound
from app.services import (
    campaign_content,
    mail_blocks,
    mail_fields,
    mail_merge,
    mail_pictures,
    merge,
    records,
    schema,
)
from app.services.mail_blocks import Block
from app.services.operation import operation
from models import formats, scope
from models.base import session
from models.campaign import Campaign, MailDesign
from models.deal import Deal
from models.message import Template
from models.scope import Actor
from models.words import N_, _
from models.workspace import Workspace

OPEN = frozenset({"draft", "review"})
# What a new block holds, so that nobody starts before an empty page.
_FRESH = {
    "heading": {"text": N_("A headline")},
    "button": {"label": N_("See the homes")},
}


@dataclass(frozen=True, slots=True)
class Open:
    """A design that somebody may write, with what it belongs to."""

    owner: Any
    design: MailDesign

    @property
    def subject(self) -> str:
        return str(self.owner.subject)

    @property
    def preheader(self) -> str:
        return self.owner.preheader or "" if isinstance(self.owner, Campaign) else ""


def load(entity: str, key: int, *, actor: Actor, write: bool = True) -> Open:
    """The design of a campaign or template. Raises `NotFound`, `Forbidden`, and `Conflict` for what was started."""
    action = "write" if write else "read"
    if entity == "campaign":
        owner: Any = campaign_content.load(key, actor=actor, action=action)
    else:
        owner = records.load(Template, key, actor=actor, action=action)
    if write and isinstance(owner, Campaign) and owner.state not in OPEN:
        raise Conflict(_("This campaign was started; its content changes no more."), version=owner.version)
    column = MailDesign.campaign_id if entity == "campaign" else MailDesign.template_id
    found = session.scalars(sa.select(MailDesign).where(column == key)).one_or_none()
    return Open(owner, found or MailDesign(**{f"{entity}_id": key}, blocks=[], version=0, wave=0))


def save(entity: str, key: int, blocks: Any, *, version: int, actor: Actor) -> int:
    """Keep blocks; returns the new version. Raises `Invalid` by id of a block, `Conflict` when somebody else saved
    since `version`."""
    with operation(f"{entity}.design", actor=actor) as op:
        opened = load(entity, key, actor=actor)
        design = opened.design
        if design.version != version:
            raise Conflict(
                _("Somebody else saved this meanwhile. What you typed is still here: copy it, then reload the page."),
                version=design.version,
            )
        read = mail_blocks.read(blocks, mail_fields.names(), mail_pictures.placeable())
        if design.id is not None and design.blocks == read:
            return design.version
        design.blocks, design.version, design.frozen = read, design.version + 1, None
        session.add(design)
        session.flush()
        if isinstance(opened.owner, Campaign):
            opened.owner.state, opened.owner.starter_id = "draft", None
        op.audit(f"{entity}.design_saved", entity=entity, record_id=key, facts={"version": design.version})
    return design.version


def added(blocks: list[Block], kind: str, after: str = "") -> tuple[list[Block], str]:
    """The blocks with a new one behind the block `after`, or at the end; and its id."""
    if kind not in mail_blocks.KINDS:
        raise NotFound()
    made = _fresh(kind)
    place = _place(blocks, after)
    if place is None or (kind == "columns" and place[0] is not blocks):
        return [*blocks, made], made["id"]
    return _changed(blocks, after, lambda row, at: [*row[: at + 1], made, *row[at + 1 :]]), made["id"]


def moved(blocks: list[Block], key: str, by: int) -> list[Block]:
    """The blocks with one of them `by` places further on, within its list."""

    def shift(row: list[Block], at: int) -> list[Block]:
        to = min(max(at + by, 0), len(row) - 1)
        rest = [*row[:at], *row[at + 1 :]]
        return [*rest[:to], row[at], *rest[to:]]

    return _changed(blocks, key, shift)


def copied(blocks: list[Block], key: str) -> list[Block]:
    """The blocks with one of them twice."""
    return _changed(blocks, key, lambda row, at: [*row[: at + 1], _anew(row[at]), *row[at + 1 :]])


def removed(blocks: list[Block], key: str) -> list[Block]:
    return _changed(blocks, key, lambda row, at: [*row[:at], *row[at + 1 :]])


def widened(blocks: list[Block], key: str) -> list[Block]:
    """The blocks with one column more in one of them, as far as columns go."""

    def widen(row: list[Block], at: int) -> list[Block]:
        columns = [*row[at].get("columns", ()), []][: mail_blocks.COLUMNS[-1]]
        return [*row[:at], {**row[at], "columns": columns}, *row[at + 1 :]] if "columns" in row[at] else row

    return _changed(blocks, key, widen)


def from_template(key: int, *, actor: Actor) -> list[Block]:
    """The blocks of a saved template, under ids of their own."""
    return [_anew(one) for one in load("template", key, actor=actor, write=False).design.blocks]


def templates(*, actor: Actor) -> list[tuple[int, str]]:
    """Templates with blocks that this person reads: (id, name)."""
    if permissions.reach(actor, "read", "template") is None:
        return []
    wanted = sa.select(Template.id, Template.name).join(MailDesign, MailDesign.template_id == Template.id)
    found = session.execute(permissions.restrict(wanted.order_by(Template.name).limit(100), Template, actor))
    return [(row.id, row.name) for row in found]


def save_as_template(entity: str, key: int, name: str, *, actor: Actor) -> Template:
    """A template that holds a copy of these blocks. Raises `Invalid`."""
    with operation("template.create", actor=actor):
        opened = load(entity, key, actor=actor, write=False)
        facts = {
            "name": name, "subject": _plain(opened.subject), "body": said(opened.design.blocks), "kind": "marketing",
        }  # fmt: skip
        made: Template = records.create(Template, facts, actor=actor)
        session.add(MailDesign(template_id=made.id, blocks=[_anew(one) for one in opened.design.blocks], wave=0))
    return made


def with_draft(blocks: list[Block], text: str) -> tuple[list[Block], str]:
    """The blocks with a drafted text above the signature, its first line as a headline where it stands alone; and the
    id of the first new block.
    """
    head, _sep, rest = text.strip().partition("\n")
    headed = bool(rest.strip()) and rest.startswith("\n") and len(head) <= mail_blocks.TEXTS["heading"]["text"]
    made = [{"id": secrets.token_hex(4), "kind": "heading", "text": head.strip()}] if headed else []
    made += [{"id": secrets.token_hex(4), "kind": "text", "text": part} for part in _portions(rest if headed else text)]
    at = next((n for n, one in enumerate(blocks) if one["kind"] == "signature"), None)
    below = [{"id": secrets.token_hex(4), "kind": "signature"}] if at is None else blocks[at:]
    return [*blocks[:at], *made, *below], str(made[0]["id"])


def _portions(text: str) -> list[str]:
    """A text in parts that a block can hold, cut between paragraphs."""
    most, parts = mail_blocks.TEXTS["text"]["text"], [""]
    for paragraph in text.strip().split("\n\n"):
        if parts[-1] and len(parts[-1]) + len(paragraph) + 2 > most:
            parts.append("")
        parts[-1] = f"{parts[-1]}\n\n{paragraph}".strip()[:most]
    return parts


def of_deal(blocks: list[Block], key: str, deal_id: int, *, actor: Actor) -> list[Block]:
    """A listing block with what a deal says now, as far as this person reads deals."""
    deal: Deal = records.load(Deal, deal_id, actor=actor)

    def seen(name: str) -> Any:
        return getattr(deal, name) if schema.sees(Deal, name) else None

    price = seen("price")
    currency = session.get_one(Workspace, scope.workspace_id()).currency
    facts = {
        "title": _no_fields(seen("title") or ""),
        "address": _no_fields(seen("property_address") or ""),
        "price": formats.money(price, currency) if price is not None else "",
    }
    return _changed(blocks, key, lambda row, at: [*row[:at], {**row[at], **facts}, *row[at + 1 :]])


def said(blocks: list[Block]) -> str:
    """All that the blocks say, as plain text in the grammar of single e-mails."""
    made = campaign_content.draw(blocks, preheader="", public_url="").text
    text = "".join(one if isinstance(one, str) else _single(one) for one in made)
    # Single e-mails have a footer of their own.
    return text.rpartition("-- \n")[0].strip() or _("(empty)")


def _fresh(kind: str) -> Block:
    made: Block = {"id": secrets.token_hex(4), "kind": kind, **dict.fromkeys(mail_blocks.TEXTS[kind], "")}
    made |= {name: str(text) for name, text in _FRESH.get(kind, {}).items()}
    if kind == "text":
        name = f'{{{{ contact.first_name | default("{_("friend")}") }}}}'
        made["text"] = _("Dear {name},", name=name)
    if kind in mail_blocks.PICTURED:
        made["picture"] = None
    if kind == "columns":
        made["columns"] = [[_fresh("text")], [_fresh("text")]]
    return made


def _anew(one: Block) -> Block:
    columns = {"columns": [[_anew(inner) for inner in column] for column in one["columns"]]} if "columns" in one else {}
    return {**one, "id": secrets.token_hex(4), **columns}


def _place(blocks: list[Block], key: str) -> tuple[list[Block], int] | None:
    """The list that a block stands in, and where."""
    for at, one in enumerate(blocks):
        if one["id"] == key:
            return blocks, at
        for column in one.get("columns", ()):
            found = _place(column, key)
            if found is not None:
                return found
    return None


def _changed(blocks: list[Block], key: str, change: Callable[[list[Block], int], list[Block]]) -> list[Block]:
    """The blocks with the list that holds `key` made anew; as they are where it is gone."""
    for at, one in enumerate(blocks):
        if one["id"] == key:
            return change(blocks, at)
    return [
        {**one, "columns": [_changed(column, key, change) for column in one["columns"]]} if "columns" in one else one
        for one in blocks
    ]


def _plain(text: str) -> str:
    """A subject in the grammar of single e-mails, which knows fewer fields and no fallbacks."""
    try:
        parts = mail_merge.parse(text, mail_fields.names())
    except mail_merge.BadField:
        return _no_fields(text)
    return "".join(one if isinstance(one, str) else _single(one) for one in parts)


def _single(one: dict[str, Any]) -> str:
    return f"{{{{ {one['field']} }}}}" if one["field"] in merge.FIELDS else str(one.get("or", ""))


def _no_fields(text: str) -> str:
    return text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")
