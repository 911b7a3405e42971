"""The privacy notice: `/privacy` for the product, `/privacy/<slug>` in the name of a brokerage, with whom to write to.

Does not belong here: the text (`app/data/policy`, or a published version) and which one is in force
(`app.services.policy_texts`).
"""

from __future__ import annotations

from flask import Response, make_response

from app.services import policy_texts
from public_site import kit

pages = kit.family("privacy")


@pages.get("/privacy")
def product() -> Response:
    return _notice()


@pages.get("/privacy/<slug>")
def of_brokerage(slug: str) -> Response:
    kit.hosted(slug)
    return _notice()


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """A policy text as (kind, lines): "h1" and "h2" for lines that begin with "#" or "##", "ul" for "-" lists, else
    "p"."""
    found: list[tuple[str, list[str]]] = []
    for part in text.strip().split("\n\n"):
        lines = part.splitlines()
        if lines[0].startswith("#"):
            marks, _, words = lines[0].partition(" ")
            found.append(("h1" if marks == "#" else "h2", [words]))
        elif all(line.startswith("- ") for line in lines):
            found.append(("ul", [line[2:] for line in lines]))
        else:
            found.append(("p", [" ".join(lines)]))
    return found


def _notice() -> Response:
    text = policy_texts.in_force()
    answer = make_response(
        kit.page("privacy.html", blocks=blocks(text.text), digest=text.digest, published=text.published_at)
    )
    answer.headers["Cache-Control"] = "public, max-age=300"
    answer.vary.add("Accept-Language")
    return answer
