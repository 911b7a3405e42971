"""Making tiles through their form, and reading what a dashboard shows."""

from __future__ import annotations

import html
import re
from typing import Any

from tests.factories import Browser

_COUNT = re.compile(r"data-count>([\d,]+)\+?<|<span>None</span>")


def add_tile(client: Browser, source: str, kind: str, board: int = 0, *, whom: str = "all", **form: str) -> Any:
    """The answer to a new tile of this kind; its title is "T" unless said."""
    given = {"source": source, "kind": kind, "title": "T", "for": whom, **form}
    return client.submit(f"/dashboards/{board}/tiles/new", given, page="/")


def tiles_of(page: str) -> dict[str, str]:
    """The markup of each tile by its title."""
    found = {}
    for part in re.findall(r'<section class="c-p c-w\d".*?</section>', page, re.DOTALL):
        title = re.search(r"<h2[^>]*>(?:<a[^>]*>)?([^<]*)", part)
        assert title
        found[html.unescape(title[1])] = part
    return found


def whole(client: Browser, url: str = "/") -> dict[str, str]:
    """The tiles of a dashboard with those that fetch themselves."""
    found = tiles_of(client.get(url).text)
    for title, part in found.items():
        more = re.search(r'hx-get="([^"]*)"[^>]*intersect', part)
        if more:
            answer = client.get(html.unescape(more[1]), headers={"HX-Request": "true"})
            assert answer.status_code == 200, more[1]
            found[title] = answer.text
    return found


def drills(tile: str) -> list[tuple[str, str]]:
    """The marks of a chart that lead somewhere: (words, address)."""
    found = re.findall(r'<a [^>]*href="([^"]*)"[^>]*aria-label="([^"]*)"', tile)
    return [(html.unescape(words), html.unescape(url)) for url, words in found]


def value(tile: str) -> tuple[str, str]:
    """The large number of a tile, and where it leads."""
    found = re.search(r'<a class="kpi[^"]*" href="([^"]*)"><span[^>]*>[^<]*</span>([^<]*)</a>', tile)
    assert found, tile
    return html.unescape(found[2]), html.unescape(found[1])


def count_of(client: Browser, url: str) -> int:
    """How many records the list at an address has."""
    page = client.get(url).text
    assert "Left out of this view" not in page, url
    found = _COUNT.search(page)
    assert found, url
    return int((found[1] or "0").replace(",", ""))


def agree(client: Browser, tile: str) -> int:
    """Every mark leads to a list with as many records as it says; how many marks there were."""
    marks = drills(tile)
    for words, url in marks:
        number = re.search(r"(?:: |· )([\d,]+)$", words)
        assert number, words
        assert count_of(client, url) == int(number[1].replace(",", "")), (words, url)
    return len(marks)
