"""Texts in the reader's language, and numbers, dates and amounts as their country writes them."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle

import pytest
from markupsafe import Markup

from models import formats, words
from models.words import N_, Catalog, _, _c, _n

XX = Catalog(
    "xx",
    {"Save": "Guardar", "Hello {name}": "Hola {name}", "state\x04Open": "Abierto", "Open": "Abrir", "A & B": "C < D"},
    {"{n} rows": ("{n} fila", "{n} filas")},
)


@pytest.fixture(autouse=True)
def _language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(words._catalogs, "xx", XX)


def test_a_text_is_said_in_the_language_in_force() -> None:
    assert _("Save") == "Save"
    with words.speaking("xx"):
        assert words.code() == "xx"
        assert (_("Save"), _("Hello {name}", name="Ana"), _("Unknown {x}", x=1)) == ("Guardar", "Hola Ana", "Unknown 1")
        assert (_n("{n} row", "{n} rows", 1), _n("{n} row", "{n} rows", 1234)) == ("1 fila", "1,234 filas")
        assert (_c("state", "Open"), _("Open"), _c("other", "Open")) == ("Abierto", "Abrir", "Abrir")
    assert (words.code(), _("Save"), _n("{n} row", "{n} rows", 2)) == ("en", "Save", "2 rows")


def test_a_marked_text_is_english_to_programs_and_translated_to_people() -> None:
    label = N_("Save")
    with words.speaking("xx"):
        shown = (str(label), f"{label}", f"{label:.3}", "%s" % label, label + "!", "¡" + label, label.lower())  # noqa: UP031
        assert shown == ("Guardar", "Guardar", "Gua", "Guardar", "Guardar!", "¡Guardar", "guardar")
        assert Markup("<b>{}</b>").format(N_("A & B")) == "<b>C &lt; D</b>"
        assert str(N_("Open", "state")) == "Abierto"
        assert json.dumps([label]) == '["Save"]'
        assert label == "Save" and {label: 1}["Save"] == 1
    assert str(label) == "Save" and type(str(label)) is str
    for twin in (copy.copy(N_("Open", "state")), pickle.loads(pickle.dumps(N_("Open", "state")))):  # noqa: S301
        assert (twin, twin.context) == ("Open", "state")


def test_a_language_that_is_not_known_is_english() -> None:
    with words.speaking("xx"), words.speaking("tlh"):
        assert _("Save") == "Save"


@pytest.mark.parametrize(
    ("language", "country", "number", "dollars", "euros"),
    [
        ("en", "US", "1,234,567", "$1,250,000.50", "-€12"),
        ("en", "DE", "1.234.567", "$1.250.000,50", "-€12"),
        ("es", "US", "1,234,567", "$1,250,000.50", "-EUR\u00a012"),
        ("es", "ES", "1.234.567", "1.250.000,50\u00a0US$", "-12\u00a0€"),
        ("es", "MX", "1,234,567", "USD\u00a01,250,000.50", "-EUR\u00a012"),
    ],
)
def test_numbers_and_amounts_follow_language_and_country(
    language: str, country: str, number: str, dollars: str, euros: str
) -> None:
    with words.speaking(language, country):
        shown = (words.grouped(1234567), formats.money(125000050, "USD"), formats.money(-1200, "EUR"))
    assert shown == (number, dollars, euros)


def test_dates_have_the_day_before_the_month_in_letters() -> None:
    day = dt.datetime(2026, 5, 14, 16, 30, tzinfo=dt.UTC)
    assert (formats.date(day), formats.day_of_month(day), formats.month(day)) == ("14 May 2026", "14 May", "May 2026")
    assert formats.moment(day) == "14 May 2026, 16:30 UTC"
    with words.speaking("es"):
        assert (formats.long_date(day), formats.month(day)) == ("14 de mayo de 2026", "mayo de 2026")
        assert (formats.date(day), formats.weekday_name(day), formats.month_name(day)) == (
            "14 may 2026",
            "jueves",
            "mayo",
        )


def test_each_thread_and_block_has_its_own_language() -> None:
    with words.speaking("xx"):
        with words.speaking("en"):
            assert _("Save") == "Save"
        assert _("Save") == "Guardar"
