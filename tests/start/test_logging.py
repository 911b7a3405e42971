"""The logs: JSON lines with request ids, and no secret, code, link or address in them, wherever it was written."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.logging import REDACTED, bind, configure, get_logger, new_request_id, scrub_text, scrub_value

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure("debug")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def last(stream: io.StringIO) -> dict[str, object]:
    return dict(json.loads(stream.getvalue().splitlines()[-1]))


def test_a_line_is_json_with_the_request_and_who_acts(lines: io.StringIO) -> None:
    request_id = new_request_id()
    bind(workspace=7, actor=42)
    get_logger("app.leads").info("lead_assigned", lead_id=3)
    line = last(lines)
    assert line["event"] == "lead_assigned"
    assert (line["request_id"], line["workspace"], line["actor"], line["lead_id"]) == (request_id, 7, 42, 3)
    assert {"timestamp", "level", "logger"} <= line.keys()


def test_a_library_s_line_and_its_traceback_are_scrubbed_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("could not connect to postgresql://crm:hunter22@db/crm for ann@example.com")
    except ValueError:
        logging.getLogger("library").exception("failed with token=%s", "tok-12345678")
    text = lines.getvalue()
    assert "hunter22" not in text and "ann@example.com" not in text and "tok-12345678" not in text
    assert "ValueError" in str(last(lines)["exception"])


@pytest.mark.parametrize(
    ("offered", "kept"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("short", False),
        ("a" * 65, False),
        ('x"\n{"forged":1}', False),
        (None, False),
    ],
)
def test_a_proxy_s_request_id_is_kept_only_if_plain(offered: str | None, kept: bool) -> None:
    assert (new_request_id(offered) == offered) is kept


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "passwd",
        "SECRET_KEY",
        "access_token",
        "csrf_token",
        "api_key",
        "apiKey",
        "Authorization",
        "Cookie",
        "otp",
        "otp_code",
        "totp_secret",
        "recovery_codes",
        "code",
        "passcode",
        "private_key",
        "credential_id",
        "signature",
    ],
)
def test_a_secret_field_is_redacted_by_its_name_at_any_depth(name: str) -> None:
    assert scrub_value("12ab", name) == REDACTED
    assert scrub_value({"form": [{name: "12ab"}]}) == {"form": [{name: REDACTED}]}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login failed: password=hunter2 for user 4", "hunter2"),
        ('{"password": "hun ter2", "a": 1}', "hun ter2"),
        ("{'api_key': 'k-123'}", "k-123"),
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("sent Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Cookie: session=abc; theme=dark", "session=abc"),
        ("GET /auth/reset/ImFubkBleGFtcGxlIg.aBcDeF.sIgNaTuRe", "ImFubkBleGFtcGxlIg"),
        ("GET /p/contact?token=abc123def&x=1", "abc123def"),
        ("redis://:pa55@cache:6379/0", "pa55"),
        ("smtp://mailer:pa55@mail:587", "pa55"),
        ("key sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1zdp7dc"),
        ("key AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        (f"bearer of {JWT}", JWT),
        ("your sign-in code is 493817", "493817"),
        ("OTP: 493817", "493817"),
        ("wrote to ann.o'neil+crm@mail.example.com", "ann.o'neil"),
        ("GET /p/unsubscribe?e=ann%40example.com", "ann%40example.com"),
    ],
)
def test_a_secret_inside_a_text_is_redacted_by_its_shape(text: str, secret: str) -> None:
    assert secret not in scrub_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "imported 50000 contacts in 12.4 s",
        "GET /api/v1/contact/?page_size=100 200",
        "job 01890a5d-ac96-774b-bcce-b302099a8057 done",
        "zip code 90210-1234 is outside the area",
        "migrations/versions/0001_first.py",
    ],
)
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


def test_harmless_fields_with_similar_names_stay() -> None:
    fields = {
        "status_code": 404,
        "error_code": "not_found",
        "country_code": "US",
        "has_password": True,
        "zip_code": "90210",
    }
    assert scrub_value(fields) == fields


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_can_be_logged(value: object) -> None:
    json.dumps(scrub_value(value))


@given(local=st.from_regex(r"[a-z0-9.+_-]{1,20}", fullmatch=True), before=st.text(), after=st.text(alphabet=" ,;>)\n"))
def test_no_address_comes_through(local: str, before: str, after: str) -> None:
    assert f"{local}@example.com" not in scrub_text(f"{before} {local}@example.com{after}")


def test_a_huge_text_is_cut_and_costs_little() -> None:
    assert len(scrub_text("a1-" * 1_000_000)) < 5_000
