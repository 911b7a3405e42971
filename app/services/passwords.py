"""What a password must be: long enough, not common, not made from what everyone knows of its owner.

Belongs here: the rules and their sentences. Does not belong here: hashing (Argon2id, at the sign-in) and the list
(`app.services.common_passwords`). After NIST SP 800-63B: length and a blocklist, any characters welcome, no rules of
composition, no expiry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

from app.services.common_passwords import is_common
from models.words import _

MINIMUM = 12
MAXIMUM = 256
PRODUCT_WORDS = ("Real Estate CRM Pro", "real estate", "realestate", "brokerage", "realtor")

_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")
# Shorter context words occur in good passwords by chance.
_SHORTEST_WORD = 4


def problems(
    password: str, *, context: Iterable[str] = (), minimum: int = MINIMUM, maximum: int = MAXIMUM
) -> list[str]:
    """Plain sentences on what is wrong; empty where the password is good.

    `context` names what others know of the owner: e-mail, name, workspace. Lengths are in characters after `normalise`.
    """
    password = normalise(password)
    if len(password) < minimum:
        return [_("Use at least {minimum} characters. A few words in a row are easy to remember.", minimum=minimum)]
    if len(password) > maximum:
        return [_("Use at most {maximum} characters.", maximum=maximum)]
    found = []
    if is_common(password):
        found.append(_("This password is on lists of common or stolen passwords. Choose another one."))
    if _is_pattern(password):
        found.append(_("This password repeats or counts up. Choose one that follows no pattern."))
    word = _known_word(password, context)
    if word:
        found.append(
            _("This password is little more than “{word}”, which others can guess. Choose other words.", word=word)
        )
    return found


def normalise(password: str) -> str:
    """The form to check, hash and verify (NFKC): the same on every keyboard. Nothing is cut or trimmed."""
    return unicodedata.normalize("NFKC", password)


def _is_pattern(password: str) -> bool:
    """A unit of up to 5 characters again and again, or runs along the alphabet, the digits or the keyboard."""
    text = password.casefold()
    if any(_repeats(text, length) for length in range(1, 6)):
        return True
    rest = text
    for run in _runs():
        rest = rest.replace(run, "")
    return len(rest) < 4


def _repeats(text: str, length: int) -> bool:
    unit = text[:length]
    return (unit * (len(text) // length + 1)).startswith(text)


@cache
def _runs() -> Sequence[str]:
    """All runs of four or more, the longest first."""
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    found = {row[start:end] for row in rows for start in range(len(row)) for end in range(start + 4, len(row) + 1)}
    return sorted(found, key=len, reverse=True)


def _known_word(password: str, context: Iterable[str]) -> str | None:
    """The known word that leaves fewer than six other letters, where there is one."""
    letters = _letters(password)
    for word in sorted(_words(context), key=len, reverse=True):
        bare = _letters(word)
        if len(bare) >= _SHORTEST_WORD and bare in letters and len(letters.replace(bare, "")) < 6:
            return word
    return None


def _words(context: Iterable[str]) -> set[str]:
    """Each phrase as a whole and its parts: of sam.lee@example.com also "sam.lee", "lee", "example"."""
    found: set[str] = set()
    for phrase in (*PRODUCT_WORDS, *context):
        found.add(phrase)
        found.update(phrase.split("@"))
        found.update(re.split(r"[^\w]+|_", phrase))
    return {word for word in found if word}


def _letters(text: str) -> str:
    """Case, accents of width, blanks and signs do not make a word another one."""
    return "".join(sign for sign in normalise(text).casefold() if sign.isalnum())
