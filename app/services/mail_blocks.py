"""What an e-mail to many is made of: a list of blocks, each an object with an id and a kind.

Whatever comes is read into exactly these shapes: closed kinds and members, bounded texts, links of a few schemes,
fields that exist. Kinds and their members:

- heading: text - text: text (bold, italic, links and lists of Markdown) - button: label, url - divider
- image: picture (the id of a `StoredFile` of this workspace, or None), alt, url - signature
- listing: title, address, price, facts, url, picture, alt (copied in when it is chosen, so nothing is read at sending)
- columns: columns, a list of two or three lists of blocks (no columns within columns)

Does not belong here: how they look (`app.services.mail_drawing`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from app.errors import Invalid
from app.services import mail_merge
from models.words import N_, _

KINDS = {
    "heading": N_("Heading"), "text": N_("Text"), "image": N_("Picture"), "button": N_("Button"),
    "listing": N_("Listing"), "columns": N_("Columns"), "divider": N_("Line"), "signature": N_("Signature"),
}  # fmt: skip
# Member -> the most characters.
TEXTS: dict[str, dict[str, int]] = {
    "heading": {"text": 200},
    "text": {"text": 5000},
    "image": {"alt": 300, "url": 2000},
    "button": {"label": 100, "url": 2000},
    "listing": {"title": 200, "address": 300, "price": 60, "facts": 300, "url": 2000, "alt": 300},
    "columns": {},
    "divider": {},
    "signature": {},
}
PICTURED = frozenset({"image", "listing"})
MOST = 60
COLUMNS = (2, 3)
_ID = re.compile(r"[a-z0-9]{1,20}")
_LINK = re.compile(r"(https?://[^\s\"'<>\\]{1,1990}|mailto:[^\s\"'<>\\]{3,254}|tel:\+?[0-9 ().-]{3,40})", re.IGNORECASE)
Block = dict[str, Any]


def read(given: Any, names: Collection[str], pictures: Collection[int] = ()) -> list[Block]:
    """The blocks in exactly the shapes above. Raises `Invalid`, whose fields are ids of blocks; `pictures` are the ids
    of those that the writer may place."""
    made, problems = shaped(given, names, pictures)
    if problems:
        raise Invalid(problems)
    return made


def shaped(given: Any, names: Collection[str], pictures: Collection[int] = ()) -> tuple[list[Block], dict[str, str]]:
    """The blocks in these shapes as far as they can be had, and what is wrong with them; under "blocks" where it is no
    content at all."""
    problems: dict[str, str] = {}
    if not isinstance(given, list):
        return [], {"blocks": _("The content cannot be read. Reload the page.")}
    made = [_block(one, names, pictures, problems, True) for one in given]
    if sum(1 for _one in walk(made)) > MOST:
        problems["blocks"] = _("At most {most} blocks fit.", most=MOST)
    ids = [one["id"] for one in walk(made)]
    if len(ids) != len(set(ids)):
        problems["blocks"] = _("Two blocks have the same name. Reload the page.")
    return made, problems


def walk(blocks: list[Block]) -> Iterator[Block]:
    """Every block, also those in columns."""
    for one in blocks:
        yield one
        for column in one.get("columns", ()):
            yield from walk(column)


def is_link(text: str) -> bool:
    """Whether a text is an address that a reader may be led to."""
    return _LINK.fullmatch(text) is not None


def unfinished(blocks: list[Block]) -> dict[str, str]:
    """What is missing before this may be sent, by block: it may be kept as it is until then."""
    found = {}
    for one in walk(blocks):
        kind = one["kind"]
        if kind == "button" and not (one["label"] and one["url"]):
            found[one["id"]] = _("This button needs a label and an address.")
        elif kind == "image" and one["picture"] is None:
            found[one["id"]] = _("Choose a picture, or remove this block.")
        elif kind in PICTURED and one["picture"] is not None and not one["alt"]:
            found[one["id"]] = _("Say in words what this picture shows, for those who do not see it.")
        elif kind == "listing" and not one["title"]:
            found[one["id"]] = _("This listing needs a title.")
        elif kind in ("text", "heading") and not one["text"].strip():
            found[one["id"]] = _("This text is empty. Write it, or remove the block.")
    return found


def _block(given: Any, names: Collection[str], pictures: Collection[int], problems: dict[str, str], top: bool) -> Block:
    kind = given.get("kind") if isinstance(given, dict) else None
    key = given.get("id") if isinstance(given, dict) else None
    if (
        not isinstance(kind, str)
        or kind not in KINDS
        or not isinstance(key, str)
        or not _ID.fullmatch(key)
        or (kind == "columns" and not top)
    ):
        problems["blocks"] = _("The content cannot be read. Reload the page.")
        return {"id": "", "kind": "divider"}
    made: Block = {"id": key, "kind": kind}
    for name, most in TEXTS[kind].items():
        made[name] = _text(given.get(name, ""), name, most, names, key, problems)
    if kind in PICTURED:
        made["picture"] = _picture(given.get("picture"), pictures, key, problems)
    if kind == "columns":
        columns = given.get("columns")
        if (
            not isinstance(columns, list)
            or len(columns) not in COLUMNS
            or not all(isinstance(c, list) for c in columns)
        ):
            problems["blocks"] = _("The content cannot be read. Reload the page.")
            columns = [[], []]
        made["columns"] = [[_block(one, names, pictures, problems, False) for one in column] for column in columns]
    return made


def _text(given: Any, name: str, most: int, names: Collection[str], key: str, problems: dict[str, str]) -> str:
    text = given.replace("\r\n", "\n").replace("\x00", "") if isinstance(given, str) else ""
    if name != "text":
        text = " ".join(text.split())
    if len(text) > most:
        problems[key] = _("This has {n} characters; at most {most} fit.", n=len(text), most=most)
        return text[:most]
    if name == "url":
        if text and not is_link(text):
            problems[key] = _("Type a whole address, such as https://example.com/home.")
        return text
    try:
        mail_merge.parse(text, names)
    except mail_merge.BadField as error:
        problems[key] = str(error)
    return text


def _picture(given: Any, pictures: Collection[int], key: str, problems: dict[str, str]) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given not in pictures:
        problems[key] = _("This picture is gone. Choose another.")
        return None
    return given
