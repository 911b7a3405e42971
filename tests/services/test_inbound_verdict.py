"""What a raw message is, over a corpus in the forms of the large mail servers; and any bytes at all get a verdict."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.inbound import bounces, verdict
from app.services.inbound.verdict import Verdict, classify
from models.inbound import KINDS

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "inbound"
CASES = [tuple(line.split("\t")) for line in (FOLDER / "expected.tsv").read_text().splitlines()]
OURS = "<5d0c7a1e@crm.example.com>"
# A header name, a colon, or what makes MIME go wrong: pieces from which mail-like bytes are made.
PIECES = [
    b"From: ", b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", b"--b\r\n", b"--b--",
    b"Content-Type: message/delivery-status\r\n\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Status: 5.1.1\r\n",
    b"Action: failed\r\n", b"Subject: =?utf-8?q?=C3?=\r\n", b"Content-Transfer-Encoding: base64\r\n", b"\r\n\r\n",
    b"\x00", b"Content-Type: text/html; charset=\"utf-7\"\r\n\r\n", b"\xff\xfe", b"<", b">", b"=?",
    b"?=", b"Message-ID: <a@b>\r\n", b"Content-Type: message/feedback-report\r\n\r\n", b"boundary=\"\"",
    b"; report-type*0*=''%", b"550 5.1.1 ", b"Date: ",
]  # fmt: skip


def _read(name: str) -> bytes:
    return (FOLDER / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(("name", "kind", "code"), CASES, ids=[case[0] for case in CASES])
def test_the_corpus_is_told_apart(name: str, kind: str, code: str) -> None:
    found = classify(_read(name))
    assert (found.kind, found.code) == (kind, code), found


def test_the_corpus_is_whole_and_of_every_kind() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == {name for name, *_rest in CASES}
    assert len(CASES) >= 60
    assert {kind for _name, kind, _code in CASES} == {kind for kind, _label in KINDS}


def test_a_report_names_the_message_it_is_about() -> None:
    reports = {"bounce", "soft_bounce", "delayed", "complaint"}
    quoting = [name for name, kind, _code in CASES if kind in reports and OURS.encode() in _read(name)]
    assert len(quoting) > 30
    assert {name: classify(_read(name)).answers[:1] for name in quoting} == dict.fromkeys(quoting, (OURS,))


def test_signed_addresses_are_found_wherever_they_stand() -> None:
    own = "bounce+1-2n-abcdefghijklmnop@in.crm.example.com"
    for name in ("postfix-user-unknown", "exim-unrouteable", "arf-abuse"):
        assert classify(_read(name)).own == (own,)
    assert classify(f"To: {own.upper()}\r\n\r\nx".encode()).own == (own,)


def test_an_answer_is_read_without_what_it_quotes() -> None:
    assert classify(_read("reply-plain")).text == "Saturday at ten would suit us."
    assert classify(_read("reply-outlook")).text == "Saturday it is."
    assert classify(_read("reply-spanish")).text == "¿El sábado a las diez?"
    assert classify(_read("reply-spanish")).subject == "Re: Dos casas junto al agua 🏡"
    assert classify(_read("reply-html")).text.startswith("Saturday works & Sunday too.")
    assert "color" not in classify(_read("reply-html")).text
    assert classify(_read("reply-from-a-phone")).text == "Yes!"
    found = classify(_read("latin-1-header"))
    assert found.sender == "j@example.org" and found.text == "Ja, gerne."


def test_asking_to_stop_is_heard_and_nothing_else_is_taken_for_it() -> None:
    asks = {name for name, *_rest in CASES if classify(_read(name)).asks_to_stop}
    assert asks == {"reply-asks-to-stop", "unsubscribe-by-mail"}
    for text, stop in (("Stop.", True), ("UNSUBSCRIBE\n\nSam", True), ("Stop by on Saturday?", False), ("", False)):
        assert classify(f"From: a@x.com\r\n\r\n{text}".encode()).asks_to_stop is stop, text


def test_the_envelope_tells_a_server_from_a_person() -> None:
    raw = b"From: Sam <sam@x.com>\r\nSubject: Re: homes\r\n\r\nYes\r\n"
    assert classify(raw, "sam@x.com").kind == classify(raw).kind == "reply"
    assert classify(raw, "").kind == "unclear"
    away = b"From: Sam <sam@x.com>\r\nSubject: Out of office\r\n\r\nAway\r\n"
    assert (classify(away).kind, classify(away, "").kind) == ("unclear", "auto_reply")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("550 5.1.1 user unknown", "bounce"),
        ("550 5.2.1 The account is disabled", "bounce"),
        ("550 5.4.4 no route to host", "bounce"),
        ("550 5.1.8 sender address rejected", "soft_bounce"),
        ("552 5.2.2 mailbox full", "soft_bounce"),
        ("550 5.7.1 message blocked as spam", "soft_bounce"),
        ("550 5.2.1 blocked for reputation", "soft_bounce"),
        ("421 4.7.0 try again", "soft_bounce"),
        ("554 5.3.0 something went wrong", "soft_bounce"),
        ("550 No such user here", "bounce"),
        ("550 5.0.0 address 192.0.2.5.1.1 said so", "soft_bounce"),
    ],
)
def test_only_a_wrong_address_is_lasting(words: str, kind: str) -> None:
    found = bounces.of_report([{"action": "failed", "status": words.split()[1], "diagnostic-code": f"smtp; {words}"}])
    assert found is not None and found.kind == kind


def _of_some_kind(found: Verdict) -> None:
    assert found.kind in {kind for kind, _label in KINDS}
    for text in (found.reason, found.subject, found.sender, found.text, found.header_id, found.code, *found.answers):
        assert "\x00" not in text
        text.encode("utf-8")


@given(st.binary(max_size=2000))
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    _of_some_kind(classify(raw))
    verdict.recipients(raw)
    verdict.return_path(raw)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=40))
@settings(max_examples=300)
def test_any_bytes_like_mail_get_a_verdict(pieces: list[bytes]) -> None:
    _of_some_kind(classify(b"".join(pieces)))
    _of_some_kind(classify(b"".join(pieces), ""))
    verdict.recipients(b"".join(pieces))


@given(st.sampled_from([name for name, *_rest in CASES]), st.data())
@settings(max_examples=200)
def test_a_mangled_mail_gets_a_verdict(name: str, data: st.DataObject) -> None:
    raw = _read(name)[:20_000]
    start = data.draw(st.integers(0, max(len(raw) - 1, 0)))
    cut = data.draw(st.integers(0, 200))
    put = data.draw(st.binary(max_size=50) | st.sampled_from(PIECES))
    _of_some_kind(classify(raw[:start] + put + raw[start + cut :]))


def _report(fields: bytes) -> bytes:
    """A bounce whose report on its recipient has these fields."""
    return (
        b"From: mailer-daemon@x\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\n\r\nIt failed.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        b"Final-Recipient: rfc822; sam@example.net\r\nAction: failed\r\n" + fields + b"\r\n--b--\r\n"
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: text/html\r\n\r\n" + b"<" * 500_000,
        b"Content-Type: text/html\r\n\r\n" + b"<a " * 200_000 + b">",
        b"From: mailer-daemon@x\r\nSubject: failure\r\n\r\n" + b"mailbox " * 100_000,
        b"From: a@x\r\n\r\n" + b"on " + b"x" * 1_000_000 + b"\r\n" + b"bounce+" * 100_000,
        b"From: " + b"(" * 200_000 + b"\r\n\r\n",
        b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\n",
        b"References: " + b"<" * 300_000 + b"\r\n\r\n",
        b"X: y\r\n" * 100_000,
        b"From: mailer-daemon@x\r\nSubject: failure\r\n\r\n" + b"550 " + b"1.1.1." * 100_000,
        _report(b"".join(b"X-%d: y\r\n" % number for number in range(30_000)) + b"Status: 5.1.1\r\n"),
    ],
    ids=["angles", "tags", "words", "long-line", "parens", "encoded", "ids", "headers", "numbers", "fields"],
)
def test_a_mail_made_to_be_slow_is_read_in_time(raw: bytes) -> None:
    start = time.process_time()
    _of_some_kind(classify(raw))
    assert time.process_time() - start < 5


def test_the_verdict_is_a_function_of_the_bytes() -> None:
    order = [name for name, *_rest in CASES]
    first = {name: classify(_read(name)) for name in order}
    random.Random(7).shuffle(order)
    assert {name: classify(_read(name)) for name in order} == first
