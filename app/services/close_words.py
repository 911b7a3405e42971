"""How near typed words are to the words of a record: typing errors, swapped letters, accents left out.

Knows words and nothing else. A typed word may be wrong by one letter, a long one by two; digits are taken as they are,
as a phone or house number beside the right one is another. Does not belong here: the database
(`app.services.close_search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from models import normal

MOST_WORDS = 6
_SHORTEST, _LONG = 3, 7
# A word that is still being typed is compared with the beginnings of others from this length on.
_BEGUN = 5
# Signs that stand inside a word: O'Brien.
_INSIDE = "'’"
# And those that part the words of an address.
_PARTING = "@."
# Where a piece stands in a word.
IN, BEGINS, ENDS = "in", "begins", "ends"
Piece = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Word:
    """A typed word: `text` without case and accents, `typed` with its accents, and how many letters may be wrong.
    `address` for a part of an e-mail address, whose words are parted by other signs.
    """

    text: str
    typed: str
    errors: int
    address: bool = False


def typed(q: str) -> tuple[Word, ...]:
    """The words of what was typed, at most `MOST_WORDS`."""
    found = []
    for raw in q.split():
        parts, plain = normal.folded(raw).split(), raw.lower()
        whole = len(parts) == 1 and all(sign.isalnum() or sign in _INSIDE for sign in plain)
        address = "@" in plain or "." in plain
        found += [Word(part, plain if whole else part, errors(part), address) for part in parts]
    return tuple(found[:MOST_WORDS])


def errors(word: str) -> int:
    """How many letters of a word may be wrong, missing, too many or swapped with their neighbour."""
    if len(word) < _SHORTEST or any(sign.isdigit() for sign in word):
        return 0
    return 1 if len(word) < _LONG else 2


def pieces(word: Word) -> tuple[Piece, ...]:
    """What any text holds that has a word within one error of this one, or a word that begins so: one of these pieces.

    One error, wherever it is, leaves the first or the last third of a word whole. Short pieces must stand at the
    beginning or end of a word, as they would fit everywhere.
    """
    forms = dict.fromkeys((word.text, word.typed))
    if not word.typed[:1].isascii():  # SQLite knows no capitals beyond ASCII
        forms[word.typed[:1].upper() + word.typed[1:]] = None
    return tuple(dict.fromkeys(piece for form in forms for piece in _pieces(form, word.errors)))


def patterns(word: Word) -> tuple[str, ...]:
    """The pieces as LIKE patterns over a field."""
    parting = ("-", *_PARTING) if word.address else ("-",)
    found: list[str] = []
    for where, text in pieces(word):
        if where == IN:
            found.append(f"%{text}%")
        elif where == BEGINS:
            found += [f"{text}%", f"% {text}%", *(f"%{sign}{text}%" for sign in parting)]
        else:
            found += [f"%{text}", f"%{text} %", f"%{text},%", *(f"%{text}{sign}%" for sign in parting)]
    return tuple(dict.fromkeys(found))


def spaced(word: Word) -> tuple[str, ...]:
    """The pieces as LIKE patterns over a text whose words, the first and last too, stand between spaces."""
    shapes = {IN: "%{}%", BEGINS: "% {}%", ENDS: "%{} %"}
    return tuple(shapes[where].format(text) for where, text in pieces(word))


def is_rare(word: Word) -> bool:
    """Whether each piece has the three letters that an index of trigrams needs, wherever it stands."""
    return all(where == IN for where, _ in pieces(word))


def _pieces(word: str, wrong: int) -> tuple[Piece, ...]:
    if not wrong:
        return ((IN, word),)
    if len(word) == 3:
        a, b, c = word[0], word[1], word[2]
        return (*((BEGINS, begun) for begun in (a + b, f"{a}_{c}", a + c, b + a + c)), (ENDS, b + c))
    if len(word) < _BEGUN:
        return ((BEGINS, word[:2]), (BEGINS, _swapped(word)), (ENDS, word[2:]))
    third = len(word) // 3 if len(word) >= 9 else -(-len(word) // 3)
    if third == 2:
        swapped = ((BEGINS, _swapped(word)),) if len(word) == _BEGUN else ()
        return ((BEGINS, word[:2]), *swapped, (IN, word[-3:]), (ENDS, word[-2:]))
    # Of a long word, which may have an error at either end, also the middle.
    middle = ((IN, word[third:-third]),) if len(word) >= 9 else ()
    return ((IN, word[:third]), *middle, (IN, word[-third:]))


def _swapped(word: str) -> str:
    """The word with its second and third letter swapped: the one error that touches both halves."""
    return word[0] + word[2] + word[1] + word[3:]


@dataclass(slots=True)
class Comparison:
    """Compares records with typed words. Names repeat, so what was found of a word is remembered."""

    words: tuple[Word, ...]
    _known: tuple[dict[str, int | None], ...] = field(init=False)

    def __post_init__(self) -> None:
        self._known = tuple({} for _ in self.words)

    def distance(self, title: str, others: Sequence[str | None]) -> tuple[int, int] | None:
        """(errors, how many words stand beside the title) where every typed word is near one of the record's, or all
        together near the whole title; else None. The smaller, the nearer.
        """
        names = normal.folded(title).split()
        more: list[str] | None = None
        total = beside = 0
        for number in range(len(self.words)):
            best = self._best(number, names)
            if best != 0:
                if more is None:
                    more = [part for text in others if text for part in normal.folded(text).split()]
                other = self._best(number, more)
                if other is not None and (best is None or other < best):
                    best, beside = other, beside + 1
            if best is None:
                return self._as_a_whole(names)
            total += best
        return total, beside

    def _as_a_whole(self, names: list[str]) -> tuple[int, int] | None:
        """Where a space was left out or put in, or the error is in a short word: without spaces, one error at most."""
        typed, title = "".join(word.text for word in self.words), "".join(names)
        if len(typed) < _BEGUN or any(sign.isdigit() for sign in typed):
            return None
        return (1, 1) if OSA.distance(typed, title, score_cutoff=1) <= 1 else None

    def _best(self, number: int, names: list[str]) -> int | None:
        known, word, best = self._known[number], self.words[number], None
        begun = number == len(self.words) - 1
        for name in names:
            if name not in known:
                known[name] = _apart(word, name, begun)
            found = known[name]
            if found is not None and (best is None or found < best):
                best = found
        return best


def _apart(word: Word, name: str, begun: bool) -> int | None:
    """How many errors lie between a typed word and one of a record, or None where these are too many."""
    text, most = word.text, word.errors
    if name == text or (begun and name.startswith(text)):
        return 0
    if not most:
        return 0 if name.startswith(text) and len(text) >= 2 else None
    found = OSA.distance(text, name, score_cutoff=most)
    best = found if found <= most else None
    if begun and len(text) >= _BEGUN and len(name) > len(text):
        for length in range(len(text) - 1, min(len(text) + 2, len(name))):
            found = OSA.distance(text, name[:length], score_cutoff=most)
            if found <= most and (best is None or found < best):
                best = found
    return best
