"""A link works for its purpose, until its end, exactly as it was sent."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Iterator

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from models import crypto
from models.signed import BadLink, read_link, sign_link

WEEK = dt.timedelta(days=7)
URL_SAFE = set(string.ascii_letters + string.digits + "-_.")


@pytest.fixture(autouse=True, scope="module")
def ring() -> Iterator[None]:
    before = crypto._ring
    crypto.use(crypto.Keyring(crypto.new_key(), {"1": crypto.new_key()}))
    yield
    crypto._ring = before


def test_the_recipient_opens_the_link() -> None:
    token = sign_link("unsubscribe", {"c": 12, "w": 3}, WEEK)
    assert set(token) <= URL_SAFE
    assert len(token) < 80
    assert read_link("unsubscribe", token) == {"c": 12, "w": 3}


def test_the_link_ends() -> None:
    with time_machine.travel(dt.datetime(2026, 3, 1, tzinfo=dt.UTC), tick=False) as clock:
        token = sign_link("sign", 7, WEEK)
        clock.shift(WEEK - dt.timedelta(seconds=1))
        assert read_link("sign", token) == 7
        clock.shift(dt.timedelta(seconds=1))
        with pytest.raises(BadLink):
            read_link("sign", token)


def test_a_link_of_one_purpose_is_noise_to_another() -> None:
    with pytest.raises(BadLink):
        read_link("sign", sign_link("unsubscribe", 7, WEEK))


def test_a_link_of_another_installation_is_refused() -> None:
    token = sign_link("sign", 7, WEEK)
    ours = crypto.keyring()
    crypto.use(crypto.Keyring(crypto.new_key(), {"1": crypto.new_key()}))
    with pytest.raises(BadLink):
        read_link("sign", token)
    crypto.use(ours)
    assert read_link("sign", token) == 7


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(JSON, st.data())
def test_any_payload_returns_and_any_change_is_refused(payload: object, data: st.DataObject) -> None:
    token = sign_link("share", payload, WEEK)
    assert read_link("share", token) == payload
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(sorted(URL_SAFE - {token[place]})))
    with pytest.raises(BadLink):
        read_link("share", token[:place] + other + token[place + 1 :])
    with pytest.raises(BadLink):
        read_link("share", token[:place])


@given(st.text(max_size=60) | st.just("." * 5000))
def test_noise_is_refused_in_the_same_words(noise: str) -> None:
    with pytest.raises(BadLink, match="does not work or has ended"):
        read_link("share", noise)


def test_a_naive_end_and_a_huge_payload_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="zone"):
        sign_link("share", 1, dt.datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="too long"):
        sign_link("share", "x" * 5000, WEEK)
