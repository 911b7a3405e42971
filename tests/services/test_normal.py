"""What people type comes out in one form, and what cannot be meant is said in a sentence."""

from __future__ import annotations

import phonenumbers
import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from models import normal


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("Ann Lee <ann@example.com>", "ann@example.com"),
        ("mailto:ann@example.com?subject=Hi", "ann@example.com"),
        ("josé@exämple.com", "josé@exämple.com"),
        ("o'hara@example.com", "o'hara@example.com"),
    ],
)
def test_an_address_is_kept_in_lower_case(typed: str, kept: str) -> None:
    assert normal.email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "ann@@example.com",
        "a..b@example.com",
        "ann@example",
        "a@b.test",
        "a" * 65 + "@example.com",
        "@" * 700,
    ],
)
def test_what_is_no_address_gets_a_sentence_with_an_example(typed: str) -> None:
    with pytest.raises(ValueError, match=r"e-mail address"):
        normal.email(typed)


@given(st.emails(domains=st.sampled_from(["example.com", "mail.example.org", "a-b.example.net", "xn--exmple-cua.com"])))
def test_the_short_path_agrees_with_the_library(address: str) -> None:
    try:
        expected = validate_email(address, check_deliverability=False, strict=True).normalized.lower()
    except ValueError:
        with pytest.raises(ValueError, match="e-mail"):
            normal.email(address)
    else:
        assert normal.email(address) == expected


@pytest.mark.parametrize(
    ("typed", "region", "kept"),
    [
        ("(415) 555-0134", "US", "+14155550134"),
        ("1.415.555.0134", "CA", "+14155550134"),
        ("+1 415 555 0134", "GB", "+14155550134"),
        ("415-555-0134 x12", "US", "+14155550134;ext=12"),
        ("tel:+1-415-555-0134;ext=12", "US", "+14155550134;ext=12"),
        ("4155550134.0", "US", "+14155550134"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+34 912 345 678", "US", "+34912345678"),
    ],
)
def test_a_number_is_kept_as_e164(typed: str, region: str, kept: str) -> None:
    assert normal.phone(typed, region) == kept
    assert normal.phone(normal.show_phone(kept, region), region) == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("555-0134", "area code"),
        ("4.15555E+09", "spreadsheet"),
        ("ask at the desk", "no digits"),
        ("(155) 555-0134", "area code or exchange"),
        ("415 555 0134 or 0135", "too many"),
        ("12", "."),
        ("1" * 80, "too long"),
    ],
)
def test_a_number_that_cannot_be_dialled_says_why(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        normal.phone(typed)


_PARTS = st.tuples(
    st.sampled_from(["", "1 ", "+1 ", "+1-", "1."]), st.integers(200, 999), st.integers(200, 999), st.integers(0, 9999)
)


@given(_PARTS, st.sampled_from(["({}) {}-{:04}", "{}-{}-{:04}", "{}.{}.{:04}", "{} {} {:04}", "{}{}{:04}"]))
def test_the_short_path_of_phones_agrees_with_the_library(parts: tuple[str, int, int, int], shape: str) -> None:
    typed = parts[0] + shape.format(*parts[1:])
    expected = phonenumbers.format_number(phonenumbers.parse(typed, "US"), phonenumbers.PhoneNumberFormat.E164)
    assert normal.phone(typed) == expected
    assert normal.phone(normal.show_phone(expected)) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José Núñez", "jose nunez"),
        ("Lee, Ann", "Ann  LEE"),
        ("O'Brien-Smith", "O’Brien Smith"),
        ("Łukasz", "Lukasz"),
        ("Smith, Jr.", "smith jr"),
    ],
)
def test_equal_names_have_one_key(one: str, other: str) -> None:
    assert normal.name_key(one) == normal.name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Ali Hassan", "Hassan Ali"), ("Jan van Dam", "Jan Dam"), ("が", "か"), ("Ann Lee", "Anne Lee")]
)
def test_other_names_have_another_key(one: str, other: str) -> None:
    assert normal.name_key(one) != normal.name_key(other)


@given(st.text(max_size=300))
def test_a_key_is_stable_and_fits_its_column(text: str) -> None:
    key = normal.name_key(text)
    assert len(key) <= 200
    assert normal.name_key(key) == key


@pytest.mark.parametrize(
    ("typed", "currency", "cents"),
    [
        ("1,250,000.50", "USD", 125_000_050),
        ("$450k", "USD", 45_000_000),
        ("1.2M", "USD", 120_000_000),
        ("1,250k", "USD", 125_000_000),
        ("(500)", "USD", -50_000),
        ("-$5.5", "USD", -550),
        ("1.250.000,50", "USD", 125_000_050),
        ("€ 1.250", "EUR", 125_000),
        ("1,25", "EUR", 125),
        ("US$ 5", "USD", 500),
        ("CHF 1'000", "CHF", 100_000),
        ("12,34,567", "INR", 123_456_700),
    ],
)
def test_an_amount_is_read_in_cents(typed: str, currency: str, cents: int) -> None:
    assert normal.money(typed, currency) == cents


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "clear"),
        ("1.250", "two decimals"),
        ("1,2,3", "clear"),
        ("5.555", "two decimals"),
        ("€5", "counts in USD"),
        ("nan", "clear"),
        ("Ⅻ", "clear"),
    ],
)
def test_an_amount_that_is_not_clear_is_refused(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        normal.money(typed, "USD")


@given(st.integers(-(10**15), 10**15), st.sampled_from(["USD", "EUR", "GBP", "CAD", "JPY", "CHF", "BRL", "INR"]))
def test_a_shown_amount_reads_back(cents: int, currency: str) -> None:
    assert normal.money(normal.show_money(cents, currency), currency) == cents
