"""Typing errors, swapped letters and left-out accents are forgiven, within measure; and what is looked for in the
database to find such words misses none that is one error away.
"""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services import close_words
from app.services.close_words import Comparison, Word

LETTERS = string.ascii_lowercase
NAME = st.text(LETTERS, min_size=3, max_size=12)


def apart(q: str, title: str, *others: str) -> tuple[int, int] | None:
    return Comparison(close_words.typed(q)).distance(title, others)


@pytest.mark.parametrize(
    ("q", "title"),
    [
        ("jonson", "Dana Johnson"),
        ("vilanueva", "Rosa Villanueva"),
        ("jhonson", "Dana Johnson"),
        ("garcia", "María García"),
        ("nunez", "Íñigo Núñez"),
        ("Núñes", "Ana Nunez"),
        ("villanu", "Rosa Villanueva"),
        ("vilanu", "Rosa Villanueva"),
        ("rosa vilanueva", "Villanueva, Rosa"),
        ("obrien", "Conan O'Brien"),
        ("danawhitcombe", "Dana Whitcombe"),
        ("whit combe", "Whitcombe"),
        ("smith jnoes", "Anna Smith-Jones"),
        ("12 aldr ct", "12 Alder Ct"),
    ],
)
def test_what_is_close(q: str, title: str) -> None:
    assert apart(q, title) is not None


@pytest.mark.parametrize(
    ("q", "title"),
    [
        ("jonson", "Dana Jansen"),
        ("rosa vilanueva", "Mara Villanueva"),
        ("13 aldr ct", "12 Alder Ct"),
        ("2075550143", "2075550142"),
        ("lee", "Dana Loo"),
        ("ab", "ac"),
    ],
)
def test_what_is_not(q: str, title: str) -> None:
    assert apart(q, title) is None


def test_the_nearer_come_first_and_the_title_before_other_fields() -> None:
    exact, one, two = apart("garcia", "García"), apart("garzia", "García"), apart("whitcamba", "Whitcombe")
    assert exact == (0, 0) and one == (1, 0) and two == (2, 0)
    beside = apart("jonson", "Dana Moss", "Johnson & Sons")
    assert beside == (1, 1) and one is not None and one < beside


@given(name=NAME, at=st.integers(0, 11), letter=st.sampled_from(LETTERS), kind=st.sampled_from("idst"))
def test_the_pieces_miss_no_word_one_error_away(name: str, at: int, letter: str, kind: str) -> None:
    typed = misspelt(name, at, letter, kind)
    if close_words.errors(typed) == 0:
        return
    word = Word(typed, typed, close_words.errors(typed))
    for text in (name, f"dana {name}", f"{name} west", f"lee-{name}", f"{name}-lee", f"{name}, lee"):
        assert any(like(pattern, text) for pattern in close_words.patterns(word)), (typed, text)
        parted = f" {text.translate(str.maketrans('-.,@', '    '))} "
        assert any(like(pattern, parted) for pattern in close_words.spaced(word)), (typed, text)
        assert apart(typed, text) is not None


@given(name=st.text(LETTERS, min_size=6, max_size=12), at=st.integers(0, 11), letter=st.sampled_from(LETTERS))
def test_the_pieces_miss_no_beginning_one_error_away(name: str, at: int, letter: str) -> None:
    typed = misspelt(name[:-1], at, letter, "s")
    word = Word(typed, typed, close_words.errors(typed))
    assert any(like(pattern, f"dana {name}") for pattern in close_words.patterns(word))
    assert apart(typed, f"Dana {name}") is not None


def test_pieces_are_few() -> None:
    assert max(len(close_words.patterns(close_words.typed(q)[0])) for q in ("lee", "anna", "moran", "garcia")) <= 17
    assert len(close_words.patterns(close_words.typed("villanueva")[0])) == 3


def misspelt(name: str, at: int, letter: str, kind: str) -> str:
    """A name with one error: a letter put in, left out, replaced, or swapped with the next."""
    at %= len(name)
    if kind == "i":
        return name[:at] + letter + name[at:]
    if kind == "d":
        return name[:at] + name[at + 1 :]
    if kind == "s":
        return name[:at] + letter + name[at + 1 :]
    return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


def like(pattern: str, text: str) -> bool:
    wanted = "".join(".*" if sign == "%" else "." if sign == "_" else re.escape(sign) for sign in pattern)
    return re.fullmatch(wanted, text, re.IGNORECASE | re.DOTALL) is not None
