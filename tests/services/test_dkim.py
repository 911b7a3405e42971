"""What leaves is signed for its domain: an independent verifier believes it, and nobody can change it unseen."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from email.policy import default

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters import dkim_signer, letters
from app.services import dkim_keys

PEM, RECORD = dkim_keys.new_pair()
KEY = dkim_signer.Key("harbour.example", "c1", PEM)
LETTER = letters.Letter(
    message_id="<1@harbour.example>",
    sender="ada@harbour.example",
    sender_name="Ada Agent, Harbour & Pine",
    to="bo@example.net",
    to_name="Bo Børge",
    subject="Viewing on Sunday – häuser",
    text="Hello  Bo, \n\nsee  https://harbour.example/p/abc\t\n.\nFrom here on\n\n\n",
    reply_to="reply@in.harbour.example, ada@harbour.example",
    unsubscribe_url="https://crm.example/p/token",
    unsubscribe_mailto="unsubscribe@in.harbour.example",
    return_path="bounce@in.harbour.example",
    key=KEY,
)


def believed(raw: bytes) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"c1._domainkey.harbour.example."
        return RECORD.encode()

    return bool(dkim.verify(raw, dnsfunc=dns))


def test_an_independent_verifier_believes_it() -> None:
    assert believed(letters.build(LETTER))


def test_one_click_unsubscribe_is_covered_by_the_signature() -> None:
    head = letters.build(LETTER).partition(b"\r\n\r\n")[0].decode().replace("\r\n ", "")
    covered = re.search(r"h=([^;]*);", head)
    assert covered
    names = covered[1].lower().split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "subject", "to", "date", "message-id"} <= set(names)
    assert names.count("from") == 2, "a second From would break the signature"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: ", b"Subject: Not "),
        (b"One-Click", b"Two-Click"),
        (b"Hello", b"Hallo"),
        (b"MIME-Version", b"From: eve@example.net\r\nMIME-Version"),
        (b"/p/token", b"/p/other"),
    ],
)
def test_a_changed_letter_is_not_believed(old: bytes, new: bytes) -> None:
    raw = letters.build(LETTER)
    assert old in raw
    assert not believed(raw.replace(old, new, 1))


def test_another_domains_key_is_not_believed() -> None:
    other = replace(KEY, pem=dkim_keys.new_pair()[0])
    assert not believed(letters.build(replace(LETTER, key=other)))


TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=300)
HEADER = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=120)


@settings(max_examples=150, deadline=None)
@given(text=TEXT, subject=HEADER, name=HEADER)
def test_whatever_is_written_arrives_as_written_and_is_believed(text: str, subject: str, name: str) -> None:
    raw = letters.build(replace(LETTER, text=text, subject=subject, sender_name=name))
    assert believed(raw)
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    mail = email.message_from_bytes(raw, policy=default)
    plain = mail.get_body(("plain",))
    assert plain is not None
    lines = re.sub(r"\r\n|\r", "\n", text).rstrip("\n")
    assert plain.get_payload(decode=True).decode().replace("\r\n", "\n").rstrip("\n") == lines  # type: ignore[union-attr]
    assert (
        _decoded(mail, "Subject") == " ".join(subject.split()) or subject.strip() == _decoded(mail, "Subject").strip()
    )
    assert mail["From"].addresses[0].addr_spec == LETTER.sender


def _decoded(mail: email.message.EmailMessage, name: str) -> str:
    return str(email.header.make_header(email.header.decode_header(re.sub(r"\r?\n ", " ", str(mail[name])))))
