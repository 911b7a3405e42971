"""The words of the product in the reader's language: marks for texts, and the catalog in force.

English texts are the keys of the catalogs, so English needs none and costs nothing. `_` translates now, `N_` when the
text is shown: labels of fields, screens and choices are made once, before anybody's language is known. What people
typed, a brokerage's own labels among it, is never translated. Belongs here: which language speaks, and its texts. Does
not belong here: choosing a reader's language (`views.languages`), dates and amounts (`models.formats`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.messages.pofile import read_po
from markupsafe import escape

ENGLISH = "en"
# Code and own name of each language there is a catalog of; the names are never translated.
LANGUAGES = (("en", "English"), ("es", "Español"))
FOLDER = Path(__file__).resolve().parent.parent / "app" / "translations"
# Between a context and its text in the key of a message, as gettext has it.
_CONTEXT = "\x04"


def _one_or_many(n: int) -> int:
    return int(n != 1)


@dataclass(frozen=True, slots=True)
class Catalog:
    """Texts of one language by their English. `forms` holds those that follow a number, `form` says which of them."""

    code: str
    texts: Mapping[str, str]
    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    form: Callable[[int], int] = _one_or_many

    def text(self, text: str, context: str = "") -> str:
        if context:
            found = self.texts.get(f"{context}{_CONTEXT}{text}")
            if found is not None:
                return found
        return self.texts.get(text, text)


_catalogs: dict[str, Catalog] = {}
_speaking: ContextVar[Catalog | None] = ContextVar("language", default=None)
_region: ContextVar[str] = ContextVar("region", default="US")


def _(text: str, /, **values: Any) -> str:
    """A text in the language in force, its `{name}` places filled in."""
    catalog = _speaking.get()
    if catalog is not None:
        text = catalog.text(text)
    return text.format(**values) if values else text


def _n(one: str, many: str, n: int, /, **values: Any) -> str:
    """A text that follows a number, which stands in it as `{n}` with its thousands parted."""
    catalog = _speaking.get()
    found = one if n == 1 else many
    if catalog is not None and many in catalog.forms:
        found = catalog.forms[many][catalog.form(n)]
    return found.format(n=grouped(n), **values)


def _c(context: str, text: str, /, **values: Any) -> str:
    """A text that needs its context to be translated: "Open" as a state is another word than "Open" as a verb."""
    catalog = _speaking.get()
    if catalog is not None:
        text = catalog.text(text, context)
    return text.format(**values) if values else text


class Marked(str):
    """A marked text that is translated each time it is shown, and is its English for all that compares or stores it.

    Shown means: put into a page, a sentence (`f"{label}"`, `_("… {label}", label=label)`) or `str()`. Programs get the
    English, as `json` and `csv` take a text as it is.
    """

    __slots__ = ("context",)
    context: str

    def __new__(cls, text: str, context: str = "") -> Marked:
        made = super().__new__(cls, text)
        made.context = context
        return made

    def __str__(self) -> str:
        catalog = _speaking.get()
        plain = str.__str__(self)
        return plain if catalog is None else catalog.text(plain, self.context)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __html__(self) -> str:
        return escape(str(self))

    def __mod__(self, values: Any) -> str:
        return str(self) % values

    def __add__(self, other: str) -> str:
        return str(self) + str(other)

    def __radd__(self, other: str) -> str:
        return other + str(self)

    def __getitem__(self, place: Any) -> str:
        return str(self)[place]

    def strip(self, signs: str | None = None) -> str:
        return str(self).strip(signs)

    def lower(self) -> str:
        return str(self).lower()

    def upper(self) -> str:
        return str(self).upper()

    def capitalize(self) -> str:
        return str(self).capitalize()

    def casefold(self) -> str:
        return str(self).casefold()

    def format(self, *values: Any, **named: Any) -> str:
        return str(self).format(*values, **named)

    def __reduce__(self) -> tuple[type[Marked], tuple[str, str]]:
        return Marked, (str.__str__(self), self.context)


def N_(text: str, context: str = "") -> str:
    """Mark a text that is made once for everybody; see `Marked`."""
    return Marked(text, context)


def code() -> str:
    """The code of the language in force."""
    catalog = _speaking.get()
    return ENGLISH if catalog is None else catalog.code


def is_known(language: str | None) -> bool:
    """Whether there are texts in this language."""
    return language in _catalogs or any(language == known for known, _name in LANGUAGES)


def region() -> str:
    """The country whose way of writing numbers and amounts is in force."""
    return _region.get()


def speak(language: str, country: str = "US") -> tuple[Token[Catalog | None], Token[str]]:
    """Put a language and a country's formats in force for what follows in this thread; English where it is unknown."""
    catalog = None if language == ENGLISH or not is_known(language) else catalog_of(language)
    return _speaking.set(catalog), _region.set(country)


@contextmanager
def speaking(language: str, country: str = "US") -> Iterator[None]:
    """Everything in the block is said in this language."""
    catalog, place = speak(language, country)
    try:
        yield
    finally:
        _speaking.reset(catalog)
        _region.reset(place)


def grouped(n: int) -> str:
    """A whole number with its thousands parted as the reader's country has it."""
    text = f"{n:,}"
    mark, _decimal = marks(code(), _region.get())
    return text if mark == "," else text.replace(",", mark)


@lru_cache(maxsize=500)
def marks(language: str, country: str) -> tuple[str, str]:
    """What parts thousands, and what stands before decimals."""
    found = locale(language, country)
    symbols = found.number_symbols["latn"]
    return symbols["group"], symbols["decimal"]


@lru_cache(maxsize=500)
def locale(language: str, country: str) -> Locale:
    """The formats of a language in a country, or of the language where the two were never put together."""
    for name in (f"{language}_{country}", language, ENGLISH):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale(ENGLISH)


def catalog_of(language: str) -> Catalog:
    """The catalog of a language, read from its .po file when it is first spoken: what is compiled could be stale."""
    if language not in _catalogs:
        _catalogs[language] = read(language)
    return _catalogs[language]


def use(catalog: Catalog) -> None:
    """Make a language known that has no file, as the tests' pseudo-language."""
    _catalogs[catalog.code] = catalog


def read(language: str) -> Catalog:
    """A language's messages as its translators wrote them."""
    with (FOLDER / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        found = read_po(file, locale=language)
    texts: dict[str, str] = {}
    forms: dict[str, tuple[str, ...]] = {}
    for message in found:
        if not message.id or message.fuzzy:
            continue
        if isinstance(message.id, str):
            texts[f"{message.context}{_CONTEXT}{message.id}" if message.context else message.id] = str(message.string)
        else:
            forms[message.id[1]] = tuple(message.string or ())
    texts = {english: own for english, own in texts.items() if own}
    return Catalog(language, texts, {many: own for many, own in forms.items() if all(own)}, _one_or_many)
