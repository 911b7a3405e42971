"""What people type, in the one form it is kept and compared in: e-mail addresses, phone numbers, names, amounts.

Pure functions that models and services share. Does not belong here: field rules (`models.fields`), or which error goes
to which form. Every `ValueError` is a sentence for the person who typed. The plain cases take a short path, as an
import has 50,000 of each.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from phonenumbers import PhoneNumberFormat, ValidationResult

from models.words import N_, _

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_EMAIL = re.compile(rf"[a-z0-9_+-]{{1,64}}(?:\.[a-z0-9_+-]{{1,64}})*@(?:(?!..--){_LABEL}\.)+([a-z]{{2,63}})")
_SPECIAL = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)

_NANP = re.compile(r"(?:(\+1)|1)?[ .-]{0,2}\(?([2-9]\d\d)\)?[ ./-]{0,3}([2-9]\d\d)[ .-]{0,2}(\d{4})", re.ASCII)
_NANP_NUMBER = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_SPREADSHEET_NUMBER = re.compile(r"\d{7,15}\.0")
_SCIENTIFIC = re.compile(r"\d[.,]?\d*E\+?\d+", re.IGNORECASE)
_PHONE_EXAMPLE = N_("Example: (415) 555-0134")

_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_SUFFIXES = frozenset(
    ["jr", "sr", "ii", "iii", "iv", "md", "phd", "esq", "cpa", "dds", "llc", "inc", "ltd", "corp", "co"]
)

_SYMBOLS = {"USD": "$", "CAD": "CA$", "AUD": "A$", "MXN": "MX$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_OWNERS = {"€": {"EUR"}, "£": {"GBP"}, "¥": {"JPY", "CNY"}, "₹": {"INR"}}
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "mm": 10**6, "b": 10**9, "bn": 10**9}
_DOT_GROUPS = frozenset(["EUR", "BRL", "ARS", "CLP", "COP", "DKK", "IDR", "TRY", "UYU", "VND"])
_AMOUNT = re.compile(r"(?P<number>[\d.,]+)(?P<scale>bn|mm|[kmb])?", re.ASCII | re.IGNORECASE)
_COMMAS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d{0,})?", re.ASCII)
_DOTS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d{0,})?", re.ASCII)
_TWO_DECIMALS = N_("An amount has at most two decimals. Example: 1,250,000.50")
_UNCLEAR = N_("This amount is not clear. Example: 1,250,000.50")


def email(text: str) -> str:
    """An address in lower case, at most 254 characters (RFC 5321); of "Sam Lee <sam@example.com>" the part inside.

    Raises ValueError. Nobody is asked over the network whether the address exists.
    """
    text = text.strip()
    if len(text) > 600:
        raise ValueError(_("This e-mail address is too long: at most 254 characters fit."))
    lowered = text.lower()
    plain = _PLAIN_EMAIL.fullmatch(lowered)
    if plain and len(lowered) <= 254 and lowered.index("@") <= 64 and plain.group(1) not in _SPECIAL:
        return lowered
    if lowered.startswith("mailto:"):
        text = text[7:].partition("?")[0]
    if "@" not in text:
        raise ValueError(_("This e-mail address has no @. Example: sam@example.com"))
    try:
        found = validate_email(
            text, check_deliverability=False, allow_display_name=True, strict=True
        ).normalized.lower()
    except EmailNotValidError as wrong:
        raise ValueError(
            _("This is no e-mail address we can write to. {wrong} Example: sam@example.com", wrong=wrong)
        ) from None
    if len(found) > 254:
        raise ValueError(_("This e-mail address is too long: at most 254 characters fit."))
    return found


def phone(text: str, region: str = "US") -> str:
    """A number as E.164 ("+14155550134"), with ";ext=12" (RFC 3966) where there is an extension. Raises ValueError.

    `region` is the ISO 3166 country whose way of dialling a number without "+" follows.
    """
    plain = _NANP.fullmatch(text.strip())
    if plain and (plain.group(1) or _calls_one(region)):
        return f"+1{plain.group(2)}{plain.group(3)}{plain.group(4)}"
    if len(text.strip()) > 60:
        raise ValueError(_("This is too long for one phone number. {example}", example=_PHONE_EXAMPLE))
    return _any_phone(text.strip(), region)


def show_phone(e164: str, region: str = "US") -> str:
    """A kept number as people of `region` read it; text that is no number comes back as it is."""
    if len(e164) == 12 and e164.startswith("+1") and e164[2:].isdigit() and _calls_one(region):
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    return _show_any_phone(e164, region)


def name_key(text: str) -> str:
    """A key that equal names share: no case, accents or punctuation; "Lee, Ann" is "ann lee". At most 200 characters.

    Words are never dropped nor re-ordered otherwise: a particle ("van", "de la") or second surname is part of the name.
    """
    head, comma, tail = text.partition(",")
    if comma and "," not in tail and _fold(tail) not in _SUFFIXES and _fold(tail):
        text = f"{tail} {head}"
    return _fold(text)[:200].rstrip()


def folded(text: str) -> str:
    """Words as they are compared: no case, accents or punctuation, parted by single spaces."""
    return _fold(text)


def money(text: str, currency: str = "USD") -> int:
    """An amount in cents: "1,250,000.50", "$450k", "1.2M", "(500)", and "1.250.000,50". Raises ValueError."""
    bare = "".join(unicodedata.normalize("NFKC", text).split()).replace("'", "").replace("’", "").replace("−", "-")
    negative = bare.startswith("-") or (bare.startswith("(") and bare.endswith(")"))
    bare = _without_currency(bare.strip("()").lstrip("-"), currency)
    if bare.startswith("-"):
        negative, bare = True, bare[1:]
    found = _AMOUNT.fullmatch(bare)
    if not found or len(bare) > 40:
        raise ValueError(_UNCLEAR)
    scale = (found["scale"] or "").lower()
    cents = _decimal(found["number"], currency, scaled=bool(scale)) * _SCALES[scale] * 100
    if cents != cents.to_integral_value():
        raise ValueError(_TWO_DECIMALS)
    return -int(cents) if negative else int(cents)


def show_money(cents: int, currency: str = "USD", group: str = ",", point: str = ".") -> str:
    """Cents as people read them: "$1,250,000", "-$12.50", "CHF 900"."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    whole, rest = divmod(abs(cents), 100)
    units = f"{whole:,}" if group == "," else f"{whole:,}".replace(",", group)
    return f"{'-' if cents < 0 else ''}{symbol}{units}{f'{point}{rest:02d}' if rest else ''}"


@lru_cache(maxsize=300)
def _calls_one(region: str) -> bool:
    return phonenumbers.country_code_for_region(region) == 1


@lru_cache(maxsize=4096)
def _any_phone(text: str, region: str) -> str:
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            _("A spreadsheet has cut digits off this phone number. Format its column as text, then enter it again.")
        )
    if _SPREADSHEET_NUMBER.fullmatch(text):
        text = text[:-2]
    if not any(c.isdigit() for c in text):
        raise ValueError(_("This phone number has no digits. {example}", example=_PHONE_EXAMPLE))
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueError(
            _("This is no phone number. {example}, or +44 20 7946 0958 abroad", example=_PHONE_EXAMPLE)
        ) from None
    _check_length(number)
    found = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{found};ext={number.extension}" if number.extension else found


def _check_length(number: phonenumbers.PhoneNumber) -> None:
    """Length and, in North America, the shape of area code and exchange; not ranges in service: such lists age."""
    fit = phonenumbers.is_possible_number_with_reason(number)
    if fit == ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
        raise ValueError(_("This phone number needs its area code. {example}", example=_PHONE_EXAMPLE))
    if fit == ValidationResult.TOO_LONG:
        raise ValueError(_("This phone number has too many digits. {example}", example=_PHONE_EXAMPLE))
    if fit != ValidationResult.IS_POSSIBLE:
        raise ValueError(
            _(
                "This phone number has too few digits or an unknown country code. {example}",
                example=_PHONE_EXAMPLE,
            )
        )
    if number.country_code == 1 and not _NANP_NUMBER.fullmatch(str(number.national_number)):
        raise ValueError(
            _(
                "There is no such area code or exchange: neither begins with 0 or 1. {example}",
                example=_PHONE_EXAMPLE,
            )
        )


@lru_cache(maxsize=4096)
def _show_any_phone(e164: str, region: str) -> str:
    try:
        number = phonenumbers.parse(e164.replace(";ext=", " ext. "), region)
    except phonenumbers.NumberParseException:
        return e164
    at_home = number.country_code == phonenumbers.country_code_for_region(region)
    shape = PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, shape)


_NOT_WORD = re.compile(r"[^a-z0-9 ]+")


def _fold(text: str) -> str:
    if text.isascii():
        bare = text.lower().replace("'", "").replace(".", " ")
        return bare if bare.isalpha() else " ".join(_NOT_WORD.sub(" ", bare).split())
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    parts = parts.casefold().replace("’", "").replace("'", "")
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in parts if not _is_accent(c))
    return " ".join(unicodedata.normalize("NFC", kept).translate(_LETTERS).split())


def _is_accent(char: str) -> bool:
    """Accents, Hebrew and Arabic points; not the marks that make another word in Indic scripts or kana."""
    order = unicodedata.combining(char)
    return order >= 200 or 10 <= order <= 35


def _without_currency(text: str, currency: str) -> str:
    """The amount without its sign; the sign of another currency is an error, as the amount would be wrong."""
    for sign, owners in _OWNERS.items():
        if sign in text and currency not in owners:
            raise ValueError(
                _("This amount is in {sign}; this workspace counts in {currency}.", sign=sign, currency=currency)
            )
    own = {currency, _SYMBOLS.get(currency, ""), "US$" if currency == "USD" else "", "$", *_OWNERS} - {""}
    for sign in sorted(own, key=len, reverse=True):
        text = re.sub(rf"^(-?){re.escape(sign)}|{re.escape(sign)}$", r"\1", text, flags=re.IGNORECASE)
    return text


def _decimal(number: str, currency: str, *, scaled: bool) -> Decimal:
    single_comma = number.count(",") == 1 and "." not in number
    if _COMMAS.fullmatch(number) and not (single_comma and scaled and currency in _DOT_GROUPS):
        return Decimal(number.replace(",", ""))
    single_dot = number.count(".") == 1 and "," not in number
    if _DOTS.fullmatch(number) and not (single_dot and (scaled or currency not in _DOT_GROUPS)):
        return Decimal(number.replace(".", "").replace(",", "."))
    plain = number.replace(",", ".")
    if not re.fullmatch(r"\d+\.?\d*|\.\d+", plain):
        raise ValueError(_UNCLEAR)
    if not scaled and len(plain.partition(".")[2]) > 2:
        raise ValueError(_TWO_DECIMALS)
    return Decimal(plain)


def slug(label: str) -> str:
    """A label as a name in files and programs: small letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40].rstrip("_")


def distinct(wanted: str, taken: set[str]) -> str:
    """A name that is not taken: with a number behind it where it is."""
    number, found = 2, wanted
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    return found
