"""Every text of the interface can be translated, and is: no page shows a text that is not marked, and every catalog is
whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.cli import word_list
from app.cli import words as catalogs
from app.services import policy_texts
from models import words
from models.base import db
from models.deal import Pipeline, Stage
from models.message import Template
from models.user import User
from models.workspace import Workspace
from public_site import booking, privacy
from tests.contracts import pseudo, source, walk
from tests.contracts.samples import SUMMIT_ID
from tests.factories import World, sign_in
from views import languages

# Pages for programmers, in English as the API that they describe; and answers that are no pages.
# Pages whose texts are being written anew; each leaves this list with its marks.
_STILL_TO_MARK = ("/search/",)
_ELSEWHERE = (301, 302, 303, 307, 308)
_FOR_PROGRAMS = ("/api/", "/v1/", "/assets/", "/static/", "/metrics", "/healthz", "/readyz")


@pytest.fixture
def strange(app: Flask, twins: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The application in the pseudo-language for everybody, and the texts that are data. What a brokerage begins with
    gets names that are no message, so that a forgotten mark cannot hide behind it."""
    monkeypatch.setitem(words._catalogs, pseudo.CODE, pseudo.Pseudo())
    monkeypatch.setattr(languages, "asked_for", lambda: pseudo.CODE)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(User.__table__).values(language=pseudo.CODE))
        connection.execute(sa.update(Workspace.__table__).values(language=pseudo.CODE))
        for model in (Stage, Pipeline, Template):
            table = model.__table__
            connection.execute(sa.update(table).values(name=sa.literal("zz") + table.c.name))
        connection.execute(
            sa.update(Template.__table__).values(subject=sa.literal("zz") + Template.__table__.c.subject)
        )
    with app.app_context():
        # The privacy notice is a document with a version and a fingerprint, in the language it was published in.
        notice = {line for _kind, lines in privacy.blocks(policy_texts.in_force().text) for line in lines}
        # Zones are called as the database of time zones calls them.
        zones = {words for _name, words in booking._offered("America/New_York")}
        yield pseudo.data() | notice | zones
    words.speak(words.ENGLISH)


def unmarked(app: Flask, world: World, who: str | None, known: set[str]) -> list[str]:
    """Texts that pages show without a mark, as this person; each once, with the first page that shows it."""
    client: Any = app.test_client()
    found: dict[str, str] = {}
    for call in walk.calls(app, SUMMIT_ID, "GET"):
        if (
            call.url.startswith(_FOR_PROGRAMS)
            or call.url == "/"
            or call.url.startswith(_STILL_TO_MARK)
            or (who is None) is not call.url.startswith(languages_of_visitors(app))
        ):
            continue
        if who is not None:
            sign_in(client, world.summit.people[who])
        answers = [client.get(call.url)]
        if answers[0].status_code == 200 and b'method="post"' in answers[0].get_data():
            answers.append(_sent_empty(client, call.url))
        for answer in answers:
            if answer.mimetype == "text/html" and answer.status_code not in _ELSEWHERE:
                for text in pseudo.foreign(pseudo.visible(answer.get_data(as_text=True)), known):
                    found.setdefault(text, call.url)
    return [f"{text}   ({url})" for text, url in sorted(found.items())]


def languages_of_visitors(_app: Flask) -> tuple[str, ...]:
    return ("/auth/", "/b/", "/p/", "/embed/", "/privacy")


def _sent_empty(client: Any, url: str) -> Any:
    """The page's own form with nothing in it, for the sentences that refuse it."""
    return client.submit(url, {}, page=url)


@pytest.mark.parametrize("who", [None, "owner", "reader"])
def test_no_page_shows_a_text_that_is_not_marked(app: Flask, twins: World, strange: set[str], who: str | None) -> None:
    found = unmarked(app, twins, who, strange)
    assert not found, walk.report(found, "texts without a mark")


def test_the_contract_sees_a_page_with_a_forgotten_text(app: Flask, twins: World, strange: set[str]) -> None:
    def forgotten() -> str:
        return '<p title="Forgotten hint">Forgotten words <b>Dana Whitcombe</b></p>'

    with walk.extra_route(app, "/forgotten", forgotten):
        found = unmarked(app, twins, "owner", strange)
    assert "p[title]: Forgotten hint   (/forgotten)" in found
    assert "text: Forgotten words   (/forgotten)" in found
    assert not [one for one in found if "Dana" in one]


def test_marked_texts_and_data_are_told_from_others() -> None:
    page = f'<b>{pseudo.strange("Save")}</b> Dana Whitcombe, 3 May <i title="Hint">x</i><p>⟦<b>a</b> word⟧ lost</p>'
    shown = pseudo.visible(page)
    assert pseudo.foreign(shown, {"Dana Whitcombe"}) == ["i[title]: Hint", "text: lost"]
    assert pseudo.strange("{n} of <b class='x'>{all}</b>") == "{n}⟦ óf ⟧<b class='x'>{all}</b>"


@pytest.mark.parametrize("language", [code for code, _own in words.LANGUAGES if code != words.ENGLISH])
def test_a_catalog_is_whole(app: Flask, language: str) -> None:
    """No message is missing, stale, empty or fuzzy, and each has the places of its English."""
    with app.app_context():
        found = catalogs.problems(language)
    assert not found, walk.report(found, "faults in the catalog; see docs/languages.md")


def test_a_broken_catalog_is_noticed(app: Flask) -> None:
    with app.app_context():
        known = catalogs._read("es")
        known.get("Save").string = ""
        known.get("{n} of {all}").string = "{n} de {todo}"
        faults = [f"{what}: {entry.id}" for entry in known if entry.id for what in catalogs._faults_of(entry)]
    assert faults == ["empty: Save", "other places than in English: {n} of {all}"]


def test_updating_keeps_what_is_translated(app: Flask) -> None:
    with app.app_context():
        known, found = catalogs._read("es"), word_list.collect(app)
        path = words.FOLDER / "es" / "LC_MESSAGES" / "messages.po"
        assert catalogs.written(known, found, "es") == path.read_bytes()
        more = [*found, word_list.Message("A text of tomorrow", "", "", "views/x.py")]
        grown = catalogs.written(known, more, "es").decode()
    assert 'msgid "A text of tomorrow"\nmsgstr ""' in grown


def test_who_says_underscore_binds_no_underscore() -> None:
    """`_` is also the name of what is thrown away; a function that does both would fail when it is run."""
    found = []
    for path in source.product():
        for node in ast.walk(source.tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _both(node):
                found.append(f"{path}:{node.lineno} {node.name}")
    assert not found, "\n".join(found)


def _both(function: ast.AST) -> bool:
    """Whether a function binds `_` itself and reads it, be it in a comprehension or a function inside."""
    says = any(isinstance(n, ast.Name) and n.id == "_" and isinstance(n.ctx, ast.Load) for n in ast.walk(function))
    inside = [*ast.iter_child_nodes(function)]
    while inside:
        node = inside.pop()
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store):
            return says
        if not isinstance(node, _OWN_NAMES):
            inside += ast.iter_child_nodes(node)
    return False


# Their names are their own.
_OWN_NAMES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def test_a_function_that_binds_underscore_is_noticed() -> None:
    bad = ast.parse("def f(xs):\n    for _, x in xs:\n        say(_('x'))")
    assert _both(bad.body[0])
    assert _both(ast.parse("def f(x):\n    a, _ = x\n    return [_('x') for b in a]").body[0])
    assert not _both(ast.parse("def f(xs):\n    return [x for _, x in xs], _('x')").body[0])


def test_templates_say_constant_texts_when_they_are_compiled(app: Flask) -> None:
    """No constant text is looked up while a page is drawn, in any language."""
    with app.app_context():
        for language in ("en", "es"):
            with words.speaking(language):
                environment = app.jinja_env._spoken()
                code = environment.compile(
                    "{{ _('Save') }}<i title=\"{{ _('Close') }}\">{{ x or _('Back') }}</i>", raw=True
                )
            assert "'_'" not in code and ("Guardar" in code) is (language == "es")
