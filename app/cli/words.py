"""`flask words`: bring the catalogs up to date with the texts of the product, and say what is not translated yet."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import click
from babel.messages.catalog import Catalog
from babel.messages.catalog import Message as Entry
from babel.messages.pofile import read_po, write_po
from flask import current_app
from flask.cli import with_appcontext

from app.cli import word_list
from app.cli.output import prints
from models import words

_HOLE = re.compile(r"\{(\w*)[^{}]*\}|%\(\w+\)s")

# Without dates and names of tools, which would change with every run.
_HEAD = """# {name}
msgid ""
msgstr ""
"Language: {code}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


@click.group("words", help="Catalogs of the interface's languages.")
def group() -> None:
    pass


@group.command("update", help="Write new texts into each catalog and take out those that are gone.")
@with_appcontext
@prints
def update() -> dict[str, Any]:
    found = word_list.collect(current_app)
    for language, _own in words.LANGUAGES[1:]:
        path = words.FOLDER / language / "LC_MESSAGES" / "messages.po"
        known = _read(language) if path.exists() else Catalog(locale=language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(known, found, language))
    return {"messages": len(found)} | {language: _missing(language) for language, _own in words.LANGUAGES[1:]}


@group.command("check", help="List what is missing or does not fit; the exit code is 1 if anything is.")
@with_appcontext
def check() -> None:
    faults = [fault for language, _own in words.LANGUAGES[1:] for fault in problems(language)]
    for fault in faults:
        click.echo(fault)
    raise SystemExit(1 if faults else 0)


def written(known: Catalog, found: list[word_list.Message], language: str) -> bytes:
    """A catalog's file with exactly these messages, in alphabetical order and without lines, so that it merges well."""
    made = Catalog(locale=language, fuzzy=False)
    for one in found:
        old = known.get((one.text, one.many) if one.many else one.text, one.context or None)
        own: Any = old.string if old is not None else ("", "") if one.many else ""
        key: Any = (one.text, one.many) if one.many else one.text
        made.add(key, own, context=one.context or None, locations=[(one.place, 0)])
    buffer = BytesIO()
    write_po(buffer, made, width=120, include_lineno=False, omit_header=True)
    name = dict(words.LANGUAGES)[language]
    return _HEAD.format(name=name, code=language, plural=made.plural_forms).encode() + buffer.getvalue()


def problems(language: str) -> list[str]:
    """What is wrong with a catalog: missing, stale, empty or fuzzy messages, and places that differ."""
    known = _read(language)
    wanted = {(one.context, one.text): one for one in word_list.collect(current_app)}
    held = {(e.context or "", e.id[0] if isinstance(e.id, tuple) else e.id): e for e in known if e.id}
    faults = [f"{language}: missing: {text}" for _context, text in wanted.keys() - held.keys()]
    faults += [f"{language}: stale: {text}" for _context, text in held.keys() - wanted.keys()]
    for entry in held.values():
        faults += [f"{language}: {what}: {entry.id}" for what in _faults_of(entry)]
    return sorted(faults)


def _faults_of(entry: Entry) -> list[str]:
    english = entry.id if isinstance(entry.id, tuple) else (entry.id,)
    own = entry.string if isinstance(entry.string, (tuple, list)) else (entry.string,)
    if entry.fuzzy:
        return ["fuzzy"]
    if not all(own):
        return ["empty"]
    holes = [sorted(found[0] for found in _HOLE.finditer(text)) for text in (*english, *map(str, own))]
    # The text for one may do without its number.
    wanted, most = holes[len(english) - 1], max(holes, key=len)
    fits = all(one in (wanted, [h for h in wanted if h != "{n}"]) for one in holes)
    return [] if fits and most == wanted else ["other places than in English"]


def _missing(language: str) -> str:
    empty = sum(
        not all(e.string if isinstance(e.string, (tuple, list)) else (e.string,)) for e in _read(language) if e.id
    )
    return f"{empty} to translate"


def _read(language: str) -> Catalog:
    with (words.FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)
