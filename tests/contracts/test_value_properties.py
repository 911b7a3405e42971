"""What a form shows it takes back unchanged, what REST gives it takes back, and no text at all breaks reading: for
every kind of field."""

from __future__ import annotations

import base64
import datetime as dt
import zoneinfo

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.services import filters, queries, values
from models import registry
from models.fields import Field, Kind
from tests.factories import World

_ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
_CHOICES = (("a", "First"), ("b", "Second"))
_KINDS = [kind for kind in Kind if kind is not Kind.JSON]
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_MINUTES = st.integers(-36_000_000, 68_000_000).map(lambda minutes: dt.datetime.fromtimestamp(minutes * 60, dt.UTC))
_SINCE_1975 = st.integers(2_630_000, 68_000_000).map(lambda minutes: dt.datetime.fromtimestamp(minutes * 60, dt.UTC))


def field(kind: Kind) -> Field:
    return Field(kind, "Field", choices=_CHOICES, target="contact", max_length=200)


@_QUICK
@given(st.integers(-(2**53), 2**53))
def test_money_goes_through_a_form_and_back(cents: int) -> None:
    locale = values.Locale()
    assert values.from_text(field(Kind.MONEY), values.to_input(field(Kind.MONEY), cents, locale), locale) == cents


@_QUICK
@given(st.dates())
def test_dates_go_through_a_form_and_back(day: dt.date) -> None:
    locale = values.Locale()
    assert values.from_text(field(Kind.DATE), values.to_input(field(Kind.DATE), day, locale), locale) == day


@_QUICK
@given(_MINUTES, st.sampled_from(_ZONES))
def test_moments_go_through_rest_in_every_zone(moment: dt.datetime, zone: str) -> None:
    sent = values.to_json(field(Kind.MOMENT), moment)
    assert values.from_json(field(Kind.MOMENT), sent, values.Locale(zone)) == moment


@_QUICK
@given(_SINCE_1975, st.sampled_from(_ZONES))
def test_moments_go_through_a_form_unless_the_clock_showed_them_twice(moment: dt.datetime, zone: str) -> None:
    """In the hour that a clock repeats, a form cannot tell which; it is then off by that shift and never by more."""
    locale = values.Locale(zone)
    back = values.from_text(field(Kind.MOMENT), values.to_input(field(Kind.MOMENT), moment, locale), locale)
    local = moment.astimezone(locale.zone)
    if local.fold == 0:
        assert abs(back - moment) < dt.timedelta(minutes=1)
    else:
        assert dt.timedelta(0) <= moment - back <= dt.timedelta(days=1)


@_QUICK
@given(st.integers(100, 199), st.sampled_from(["415", "212", "305", "312"]))
def test_phones_go_through_a_form_and_back(last: int, area: str) -> None:
    locale = values.Locale()
    number = f"+1{area}5550{last}"
    shown = values.to_input(field(Kind.PHONE), number, locale)
    assert values.from_text(field(Kind.PHONE), shown, locale) == number


@settings(_QUICK, max_examples=200)
@given(
    st.sampled_from(_KINDS),
    st.text(max_size=60) | st.binary(max_size=20).map(lambda b: b.decode("utf-8", "surrogateescape")),
)
def test_no_text_breaks_reading(kind: Kind, text: str) -> None:
    """A value or a sentence; and a value survives the form."""
    locale = values.Locale("America/New_York")
    try:
        found = values.from_text(field(kind), text, locale)
    except ValueError as error:
        assert str(error).strip() and not str(error).startswith("invalid literal")
        return
    if found is not None and kind is not Kind.MOMENT:
        assert values.from_text(field(kind), values.to_input(field(kind), found, locale), locale) == found


@settings(_QUICK, max_examples=150)
@given(
    st.sampled_from(_KINDS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
        lambda x: st.lists(x, max_size=2),
        max_leaves=3,
    ),
)
def test_no_member_breaks_reading(kind: Kind, value: object) -> None:
    try:
        found = values.from_json(field(kind), value, values.Locale())
    except ValueError as error:
        assert str(error).strip()
        return
    assert found is None or values.from_json(field(kind), values.to_json(field(kind), found), values.Locale()) == found


@pytest.mark.parametrize("entity", list(registry.entities()))
def test_filters_go_through_the_address_and_back(app: Flask, entity: str) -> None:
    model, locale = registry.entity(entity), values.Locale("America/New_York")
    given_ = {
        Kind.MONEY: "12.50",
        Kind.NUMBER: "7",
        Kind.DATE: "2026-05-14",
        Kind.MOMENT: "2026-05-14T16:30",
        Kind.BOOLEAN: "0",
        Kind.RELATION: "5",
    }
    for name, one in filters.filterable(model).items():
        for op in filters.OPERATORS[one.kind]:
            raw = given_.get(one.kind, one.choices[0][0] if one.choices else "50%_a\\b")
            made = filters.build(model, name, op, [raw, raw], locale)
            assert filters.parse(model, made.text(model, locale), locale) == made, (name, op)


@settings(_QUICK, max_examples=150)
@given(
    st.binary(max_size=60)
    | st.lists(st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8), max_size=5).map(
        lambda x: repr(x).encode()
    )
)
def test_a_page_marker_that_was_tampered_with_is_refused_or_harmless(app: Flask, world: World, raw: bytes) -> None:
    marker = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with app.app_context(), world.summit.inside():
        actor = world.summit.actor("agent")
        for sort in ("-last_activity", "name", "-id"):
            query = queries.ListQuery(registry.entity("contact"), ("name",), sort=sort, cursor=marker)
            try:
                rows = queries.page(query, actor=actor).rows
            except Invalid as error:
                assert "page marker" in error.message
            else:
                assert {row[0] for row in rows} <= set(world.summit.contacts.values())


def test_a_good_marker_of_one_sort_does_not_fit_another(app: Flask, world: World) -> None:
    with app.app_context(), world.summit.inside():
        actor = world.summit.actor("owner")
        contact = registry.entity("contact")
        first = queries.page(queries.ListQuery(contact, ("name",), sort="name", limit=1), actor=actor)
        assert orjson.loads(base64.urlsafe_b64decode(first.next + "=" * (-len(first.next) % 4)))[3] == "name"
        with pytest.raises(Invalid):
            queries.page(queries.ListQuery(contact, ("name",), sort="-id", cursor=first.next), actor=actor)
