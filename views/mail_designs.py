"""The block editor at `/campaigns/<id>/design` and `/templates/<id>/design`: one form, whose buttons act on one block.

It works without script, by keyboard alone; `js/designs.js` saves while one types, moves blocks by mouse and shows the
e-mail beside them. Does not belong here: what blocks are (`app.services.mail_blocks`).
"""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, abort, flash, g, get_flashed_messages, jsonify, redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.errors import Conflict, Invalid
from app.services import (
    campaign_content,
    draft_uses,
    drafts,
    jobs,
    mail_blocks,
    mail_designs,
    mail_fields,
    mail_merge,
    mail_pictures,
    records,
    values,
)
from app.services.mail_blocks import Block
from app.services.uploads import UploadRefused
from models.campaign import Campaign
from models.words import N_, _
from views import drafts as draft_pages
from views import files, shell
from views.screen import of

pages = Blueprint("mail_design_pages", __name__)
Answer = str | Response | tuple[str | Response, int]
_SLUGS = {"campaigns": "campaign", "templates": "template"}
_ICONS = {
    "heading": "heading", "text": "align-left", "image": "photo", "button": "click", "listing": "home",
    "columns": "columns-2", "divider": "separator", "signature": "signature",
}  # fmt: skip
_SUBJECTS = {"subject": "subject", "second": "other_subject"}
_LABELS = {
    "text": N_("Text"), "label": N_("Label"), "url": N_("Leads to"), "alt": N_("In words"), "title": N_("Title"),
    "address": N_("Address"), "price": N_("Price"), "facts": N_("Facts"),
}  # fmt: skip


@pages.route("/campaigns/<int:key>/design", methods=("GET", "POST"), defaults={"slug": "campaigns"})
@pages.route("/templates/<int:key>/design", methods=("GET", "POST"), defaults={"slug": "templates"})
def edit(slug: str, key: int) -> Answer:
    """The editor; a POST saves, after the act that its button names in `do`, such as "up:b1"."""
    entity, actor = _SLUGS[slug], shell.actor()
    opened = mail_designs.load(entity, key, actor=actor)
    if request.method == "GET":
        said: Any = get_flashed_messages()
        return _page(slug, key, opened.design.blocks, opened.design.version, said=said[-1] if said else "")
    form = request.form
    version, do = values.whole(form.get("version", "")) or 0, form.get("do", "")
    blocks = posted(form)
    try:
        blocks, at, undo = _acted(blocks, do)
        version = mail_designs.save(entity, key, blocks, version=version, actor=actor)
        note = _with_draft(entity, key, blocks, do)
    except Invalid as error:
        if _is_program():
            return jsonify({"version": version, "errors": error.fields}), 422
        return _page(slug, key, blocks, version, errors=error.fields), 422
    except Conflict as error:
        if _is_program():
            return jsonify({"version": version, "errors": {"": error.message}}), 409
        return _page(slug, key, blocks, version, errors={"": error.message}), 409
    if _is_program():
        return jsonify({"version": version, "errors": {}})
    if do:
        return _page(slug, key, blocks, version, at=at, undo=undo, note=note)
    flash(_("Saved."))
    return redirect(request.path, 303)


@pages.route("/campaigns/<int:key>/preview", methods=("GET",), defaults={"slug": "campaigns"})
@pages.route("/templates/<int:key>/preview", methods=("GET",), defaults={"slug": "templates"})
def preview(slug: str, key: int) -> Response:
    """The e-mail as it is saved, for the sandboxed frame; filled in with what stands in for a reader."""
    opened = mail_designs.load(_SLUGS[slug], key, actor=shell.actor(), write=False)
    made = campaign_content.draw(opened.design.blocks, preheader=opened.preheader, public_url="")
    sample = {
        **campaign_content.sample(shell.actor()),
        "contact": {"name": _("Sam Rivera"), "goes_by": _("Sam"), "first_name": _("Sam")},
        "links": {"unsubscribe": "#", "archive": "#"},
    }
    g.mail_page = True
    return Response(mail_merge.fill(made.html, sample, as_html=True), content_type="text/html; charset=utf-8")


@pages.post("/campaigns/<int:key>/picture", defaults={"slug": "campaigns"})
@pages.post("/templates/<int:key>/picture", defaults={"slug": "templates"})
def picture(slug: str, key: int) -> Answer:
    """Take a picture into the block that `into` names; what else the form holds is saved along."""
    entity, actor = _SLUGS[slug], shell.actor()
    mail_designs.load(entity, key, actor=actor)
    blocks, version = posted(request.form), values.whole(request.form.get("version", "")) or 0
    block = request.form.get("into", "")
    try:
        campaign = key if entity == "campaign" else None
        made = files.take_picture(request.files.get(f"{block}.file"), campaign, actor=actor)
        for one in mail_blocks.walk(blocks):
            if one["id"] == block and one["kind"] in mail_blocks.PICTURED:
                one["picture"] = made.id
        version = mail_designs.save(entity, key, blocks, version=version, actor=actor)
    except (UploadRefused, Invalid) as error:
        errors = error.fields if isinstance(error, Invalid) else {block: str(error)}
        return _page(slug, key, blocks, version, errors={block: " ".join(errors.values())}), 422
    return _page(slug, key, blocks, version, at=block)


@pages.post("/campaigns/<int:key>/as-template", defaults={"slug": "campaigns"})
@pages.post("/templates/<int:key>/as-template", defaults={"slug": "templates"})
def keep_as_template(slug: str, key: int) -> Answer:
    name = request.form.get("name", "")
    try:
        made = mail_designs.save_as_template(_SLUGS[slug], key, name, actor=shell.actor())
    except Invalid as error:
        flash(" ".join(error.fields.values()))
        return redirect(f"/{slug}/{key}/design", 303)
    shell.toast(_("Kept as the template “{name}”", name=made.name))
    return redirect(f"/{slug}/{key}/design", 303)


def posted(form: MultiDict[str, str]) -> list[Block]:
    """The blocks of a form: `block` names each in order as "id:kind" or "id:kind:columns:number", and their members are
    "id.member"."""
    blocks: list[Block] = []
    known: dict[str, Block] = {}
    for said in form.getlist("block")[:200]:
        key, kind, parent, number = [*said.split(":"), "", "", ""][:4]
        if kind not in mail_blocks.KINDS:
            continue
        made: Block = {"id": key, "kind": kind}
        made |= {name: form.get(f"{key}.{name}", "") for name in mail_blocks.TEXTS[kind]}
        if kind in mail_blocks.PICTURED:
            made["picture"] = values.whole(form.get(f"{key}.picture", ""))
        if kind == "columns":
            made["columns"] = [[], []] if form.get(f"{key}.n") != "3" else [[], [], []]
        known[key] = made
        columns = known.get(parent, {}).get("columns", ())
        if parent and number.isdecimal() and int(number) < len(columns):
            columns[int(number)].append(made)
        else:
            blocks.append(made)
    return blocks


def _acted(blocks: list[Block], do: str) -> tuple[list[Block], str, str]:
    """The blocks after what a button does, the block to stand at then, and what takes a removal back."""
    verb, _colon, rest = do.partition(":")
    at, _colon, more = rest.partition(":")
    if verb == "add":
        return *mail_designs.added(blocks, at, more), ""
    if verb == "remove":
        return mail_designs.removed(blocks, at), "", json.dumps(blocks)
    if verb == "back":
        return _taken_back(request.form.get("was", "")), "", ""
    if verb == "template" and not blocks:
        chosen = values.whole(request.form.get("template", ""))
        return (mail_designs.from_template(chosen, actor=shell.actor()) if chosen else []), "", ""
    if verb == "draft":
        text = draft_uses.text_of(values.whole(at) or 0, actor=shell.actor())
        return *mail_designs.with_draft(blocks, text), ""
    return _acted_on(blocks, verb, at), at, ""


def _with_draft(entity: str, key: int, blocks: list[Block], do: str) -> str:
    """What a button does with AI once the blocks are saved; gives what there is to tell."""
    verb, _colon, rest = do.partition(":")
    actor, job = shell.actor(), values.whole(rest) or 0
    if verb == "ask":
        wish, text = request.form.get("wish", ""), mail_designs.said(blocks) if blocks else ""
        g.draft = drafts.ask(rest, key, actor=actor, about=entity, wish=wish, text=text).id
    elif verb == "draft":
        draft_uses.taken(job, actor=actor)
        return _("The draft is in the e-mail now. Read it before anybody else does.")
    elif verb == "drop":
        draft_uses.discard(job, actor=actor)
        return _("Dropped; nothing was kept")
    elif verb == "stop":
        jobs.cancel(job, actor=actor)
        return _("The draft is being cancelled")
    elif verb in _SUBJECTS and entity == "campaign":
        records.update(Campaign, key, {_SUBJECTS[verb]: rest[:200]}, actor=actor)
        if verb == "second":
            return _("“{subject}” is the second subject now.", subject=rest[:200])
        return _("“{subject}” is the subject now.", subject=rest[:200])
    return ""


def _acted_on(blocks: list[Block], verb: str, at: str) -> list[Block]:
    if verb in ("up", "down"):
        return mail_designs.moved(blocks, at, -1 if verb == "up" else 1)
    if verb == "copy":
        return mail_designs.copied(blocks, at)
    if verb == "three":
        return mail_designs.widened(blocks, at)
    deal = values.whole(request.form.get(f"{at}.deal", "")) if verb == "deal" else None
    return mail_designs.of_deal(blocks, at, deal, actor=shell.actor()) if deal else blocks


def _taken_back(text: str) -> list[Block]:
    """The blocks as they were before a removal; what was wrong with them then is said again when they are saved."""
    try:
        found, problems = mail_blocks.shaped(json.loads(text), mail_fields.names(), mail_pictures.placeable())
    except (ValueError, RecursionError):
        abort(400)
    return abort(400) if "blocks" in problems else found


def _is_program() -> bool:
    return request.accept_mimetypes.best == "application/json"


def _page(
    slug: str, key: int, blocks: list[Block], version: int, *, errors: dict[str, str] | None = None, at: str = "",
    undo: str = "", said: str = "", note: str = "",
) -> str:  # fmt: skip
    entity, actor = _SLUGS[slug], shell.actor()
    opened = mail_designs.load(entity, key, actor=actor)
    screen = of(entity)
    errors = errors or {}
    rows = [_row(one, errors, place, len(blocks)) for place, one in enumerate(blocks)]
    return render_template(
        "design.html",
        title=str(getattr(opened.owner, screen.title)),
        back={"label": screen.label, "url": screen.url(), "record": screen.url(key)},
        action=f"/{slug}/{key}/design",
        preview_url=f"/{slug}/{key}/preview?v={version}",
        template_url=f"/{slug}/{key}/as-template" if of("template").can(actor, "write") else "",
        next_url=screen.url(key, "send") if entity == "campaign" else "",
        rows=rows,
        version=version,
        kinds=[(kind, label, _ICONS[kind]) for kind, label in mail_blocks.KINDS.items()],
        fields=list(mail_fields.offered().items()),
        templates=mail_designs.templates(actor=actor) if not blocks else [],
        errors=errors,
        general=[text for name, text in errors.items() if name not in {one["id"] for one in mail_blocks.walk(blocks)}],
        at=at,
        undo=undo,
        said=said,
        note=note,
        wish=request.form.get("wish", "") if errors else "",
        ai=draft_pages.beside_blocks(entity, key, g.get("draft") or values.whole(request.form.get("draft", ""))),
        deal_picker=of("deal").url(page="picker") if of("deal").can(actor, "read") else "",
    )


def _row(one: Block, errors: dict[str, str], place: int, every: int, parent: str = "") -> dict[str, Any]:
    kind, key = one["kind"], one["id"]
    return {
        "id": key,
        "kind": kind,
        "said": ":".join(filter(None, (key, kind, parent))),
        "label": mail_blocks.KINDS[kind],
        "icon": _ICONS[kind],
        "first": place == 0,
        "last": place == every - 1,
        "error": errors.get(key, ""),
        "members": [
            {"name": name, "label": _LABELS[name], "value": one.get(name, ""), "most": most}
            for name, most in mail_blocks.TEXTS[kind].items()
        ],
        "picture": one.get("picture"),
        "pictured": kind in mail_blocks.PICTURED,
        "picture_url": mail_pictures.address(one["picture"], "") if one.get("picture") else "",
        "columns": [
            [_row(inner, errors, at, len(column), f"{key}:{number}") for at, inner in enumerate(column)]
            for number, column in enumerate(one.get("columns", ()))
        ],
    }
