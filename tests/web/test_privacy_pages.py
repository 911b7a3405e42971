"""Which privacy notice is in force, where it is linked, and that the ledger's digest leads to its text (P1)."""

from __future__ import annotations

import hashlib
import re

import sqlalchemy as sa
from flask import Flask

from app.services import consent, intake, policy_texts
from app.services.intake import Inquiry
from models import scope
from models.base import session
from models.privacy import Consent, PolicyVersion
from models.scope import Actor, ActorKind
from public_site.privacy import blocks
from tests.factories import SYSTEM, Browser, World

VISITOR = Actor(ActorKind.PUBLIC, "Website visitor")


def test_the_shipped_notice_is_shown_in_the_products_and_in_a_brokerages_name(
    app: Flask, client: Browser, world: World
) -> None:
    text = policy_texts.in_force
    with app.app_context():
        digest = text().digest
    product, own = client.get("/privacy"), client.get("/privacy/harbour")
    for answer in (product, own):
        assert answer.status_code == 200 and digest in answer.text and answer.text.count("<h1>") == 1
    assert "Harbour" not in product.text and "responsible for this page is <b>Harbour &amp; Pine Realty</b>" in own.text
    assert client.get("/privacy/nobody").status_code == 404


def test_a_published_version_takes_its_place_at_once_and_old_entries_keep_theirs(
    app: Flask, client: Browser, world: World
) -> None:
    def write(key: str) -> str:
        with app.app_context(), world.harbour.inside():
            intake.receive(
                Inquiry("Nina", "nina@example.com", notice="Notice"), source="lead form", key=key, actor=VISITOR
            )
            return session.scalars(sa.select(Consent.policy_digest).order_by(Consent.id.desc()).limit(1)).one() or ""

    first = write("a")
    with app.app_context(), scope.across_workspaces("an operator publishes"):
        consent.publish("privacy", "# Privacy notice\n\nVersion two says <b>less</b>.", actor=SYSTEM)
    second = write("b")
    assert first != second
    assert "Version two says &lt;b&gt;less&lt;/b&gt;." in client.get("/privacy").text
    with app.app_context():
        texts = dict(session.execute(sa.select(PolicyVersion.digest, PolicyVersion.text)).all())
    assert set(texts) == {first, second}
    assert all(hashlib.sha256(text.encode()).hexdigest() == digest for digest, text in texts.items())


def test_each_public_page_links_to_the_notice(app: Flask, client: Browser, world: World) -> None:
    for url in (
        "/p/harbour/contact",
        "/p/harbour/contact/thanks",
        "/embed/harbour/contact",
        "/embed/harbour/contact/thanks",
        "/privacy",
        "/privacy/harbour",
        "/p/broken.token",
        "/p/nobody/contact",
    ):
        assert re.search(r'href="/privacy(/harbour)?"', client.get(url).text), url


def test_the_text_is_cut_into_headings_lists_and_paragraphs() -> None:
    assert blocks("# A\n\ntext\nmore\n\n## B\n\n- one\n- two\n") == [
        ("h1", ["A"]),
        ("p", ["text more"]),
        ("h2", ["B"]),
        ("ul", ["one", "two"]),
    ]
