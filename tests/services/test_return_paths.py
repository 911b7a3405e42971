"""Addresses that stand for a message: only ours are read, however servers spell them; outgoing mail has them."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

import config
from app.adapters import mail
from app.services import messages, records, return_paths
from jobs import runner
from models import scope
from models.contact import Contact
from tests import jobs_kit
from tests.services.test_mail_adapter import Server, _started

DOMAIN = "in.crm.example.com"
IDS = st.integers(min_value=1, max_value=2**63 - 1)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = jobs_kit.make_app(tmp_path, SMTP_URL=f"sink://{tmp_path / 'outbox'}", MAIL_FROM="crm@example.com")
    with made.app_context():
        yield made


@pytest.fixture(autouse=True)
def _keys(app: Flask) -> None:
    """The keyring of the application signs."""


@given(st.sampled_from(return_paths.KINDS), IDS, IDS, st.booleans())
def test_an_address_says_its_message_whatever_its_case(kind: str, workspace: int, message: int, loud: bool) -> None:
    made = return_paths.address(kind, workspace, message, domain=DOMAIN)
    local, _, host = made.rpartition("@")
    assert len(local) <= 64 and local.isascii() and local == local.lower() and host == DOMAIN
    read = return_paths.read(made.upper() if loud else made, domain=DOMAIN)
    assert read == return_paths.ReturnPath(kind, workspace, message)


@given(st.data())
def test_one_changed_character_makes_it_nobodys(data: st.DataObject) -> None:
    made = return_paths.address("bounce", 12, 3456, domain=DOMAIN)
    local = made.rpartition("@")[0]
    place = data.draw(st.integers(0, len(local) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567+-"))
    changed = local[:place] + other + local[place + 1 :]
    assert (return_paths.read(f"{changed}@{DOMAIN}", domain=DOMAIN) is None) == (changed != local)


def test_a_tag_is_good_for_its_kind_workspace_and_message_alone() -> None:
    made = return_paths.address("reply", 1, 2, domain=DOMAIN)
    tag = made.rpartition("@")[0].rpartition("-")[2]
    for forged in ("bounce+1-2-", "unsubscribe+1-2-", "reply+2-2-", "reply+1-3-", "reply+01-2-", "reply+12-"):
        assert return_paths.read(f"{forged}{tag}@{DOMAIN}", domain=DOMAIN) is None
    assert return_paths.read(made.replace(DOMAIN, "elsewhere.example.com"), domain=DOMAIN) is None
    assert return_paths.read(made, domain="") is None


@given(st.text(max_size=120))
def test_any_text_can_be_asked(text: str) -> None:
    assert return_paths.read(text, domain=DOMAIN) is None
    assert return_paths.read(f"bounce+{text}@{DOMAIN}", domain=DOMAIN) is None


@pytest.mark.parametrize("ids", [(0, 1), (1, 0), (-1, 1), (2**63, 1)])
def test_what_is_no_message_has_no_address(ids: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="names no message"):
        return_paths.address("bounce", *ids, domain=DOMAIN)


def _sent(app: Flask, **facts: Any) -> tuple[Envelope, int, int]:
    """What a server got when an agent wrote to a contact; the workspace and the message."""
    handler = Server()
    controller = _started(handler)
    app.config["SMTP_URL"] = f"smtp://127.0.0.1:{controller.port}"
    workspace = jobs_kit.found_workspace()
    dana = jobs_kit.join(workspace, "Dana", "agent")
    with scope.inside(workspace):
        contact = records.create(Contact, {"name": "Sam", "email": "sam@example.com"}, actor=dana)
        message = messages.write(contact, "Hello", "Hi", actor=dana, **facts).id
    try:
        runner.drain(app)
    finally:
        controller.stop()
        mail.hang_up()
    [envelope] = handler.letters
    return envelope, workspace, message


def test_mail_goes_out_with_an_envelope_of_its_own_and_answers_come_back(app: Flask) -> None:
    app.config["INBOUND_DOMAIN"] = DOMAIN
    envelope, workspace, message = _sent(app, kind="marketing")
    assert envelope.mail_from == return_paths.address("bounce", workspace, message, domain=DOMAIN)
    assert isinstance(envelope.content, bytes)
    found = email.message_from_bytes(envelope.content, policy=default)
    assert found["From"].addresses[0].addr_spec == "crm@example.com"
    own, agents = (one.addr_spec for one in found["Reply-To"].addresses)
    assert own == return_paths.address("reply", workspace, message, domain=DOMAIN)
    assert agents.startswith("dana@"), "the agent's own mailbox gets the answer too"
    stop = return_paths.address("unsubscribe", workspace, message, domain=DOMAIN)
    assert f"<mailto:{stop}?subject=unsubscribe>" in found["List-Unsubscribe"]


def test_without_a_domain_mail_goes_out_as_it_did(app: Flask) -> None:
    envelope, _workspace, _message = _sent(app, kind="marketing")
    assert envelope.mail_from == "crm@example.com"
    assert isinstance(envelope.content, bytes)
    found = email.message_from_bytes(envelope.content, policy=default)
    assert len(found["Reply-To"].addresses) == 1
    assert "mailto:" not in found["List-Unsubscribe"]


def test_a_long_answer_address_stays_whole() -> None:
    domain = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.com"
    long = return_paths.address("reply", 2**62, 2**62, domain=domain)
    letter = mail.Letter(
        "<1@x.com>", "crm@example.com", "Dana", "s@example.com", "Hi", "Hi", reply_to=f"{long}, d@x.com"
    )
    assert f"Reply-To: {long},\r\n d@x.com\r\n".encode() in mail.build(letter)


def test_a_line_break_in_an_envelope_is_refused() -> None:
    letter = mail.Letter(
        "<1@x.com>", "crm@example.com", "D", "s@example.com", "Hi", "Hi", return_path="a@x>\r\nRCPT TO:<b"
    )
    with pytest.raises(mail.Unfit):
        mail.build(letter)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INBOUND_DOMAIN", "not a domain"),
        ("INBOUND_DOMAIN", "-x.example.com"),
        ("INBOUND_DOMAIN", "a." * 100 + "com"),
        ("INBOUND_LISTEN", "http://127.0.0.1:25"),
        ("INBOUND_LISTEN", "smtp://127.0.0.1"),
        ("INBOUND_LISTEN", "lmtp://127.0.0.1:99999"),
        ("INBOUND_MAX_BYTES", "10"),
        ("INBOUND_CONNECTIONS", "0"),
        ("INBOUND_HOOK_SECRETS", "whsec_short"),
        ("INBOUND_HOOK_SECRETS", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(config.ConfigError, match=name):
        config.load({"APP_ENV": "test", name: value})


def test_settings_are_read() -> None:
    found = config.load(
        {"APP_ENV": "test", "INBOUND_DOMAIN": "In.Example.COM.", "INBOUND_LISTEN": "lmtp+unix:///run/x"}
    )
    assert (found["INBOUND_DOMAIN"], found["INBOUND_LISTEN"]) == ("in.example.com", "lmtp+unix:///run/x")
    plain = config.load({"APP_ENV": "test"})
    assert (plain["INBOUND_DOMAIN"], plain["INBOUND_HOOK_SECRETS"]) == ("", ())
