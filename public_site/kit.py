"""What the public pages share: their visitor, the brokerage behind an address, the frame, and pages for what went
wrong.

Does not belong here: what a page says. No page sets a cookie, and none needs a CSRF token: nothing is done with a
session.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, render_template, request

from app.errors import DomainError, Gone, NotFound
from app.services import intake
from models.scope import Actor, ActorKind
from models.workspace import Workspace
from public_site import brand
from views import languages


def family(name: str) -> Blueprint:
    """The blueprint of a page family, with what stands on each of its answers."""
    pages = Blueprint(name, f"public_site.{name}", template_folder="templates")
    pages.register_error_handler(Gone, _problem)
    pages.register_error_handler(NotFound, _problem)
    return pages


def behind_tokens(pages: Blueprint) -> Blueprint:
    """A family whose addresses are rights: nobody learns them from a referrer, keeps their answers or lists them."""

    @pages.before_request
    def mark() -> None:
        g.token_page = True

    @pages.after_request
    def dress(answer: Response) -> Response:
        answer.headers["X-Robots-Tag"] = "noindex"
        answer.headers["Cache-Control"] = "no-store"
        return answer

    return pages


def hosted(slug: str) -> Workspace:
    """The brokerage of an address, whose brand the answer then wears. Raises `NotFound`, `Gone`."""
    found = intake.hosted(slug)
    g.brand = brand.of(found)
    languages.speak_to_visitor(found)
    return found


def visitor(label: str = "Website visitor") -> Actor:
    """Somebody unknown on a public page, for history and audit."""
    agent = (request.user_agent.string or "")[:300]
    return Actor(ActorKind.PUBLIC, label, ip=request.remote_addr, user_agent=agent, request_id=g.get("request_id"))


def page(template: str, **context: Any) -> str:
    return render_template(f"public/{template}", **{"brand": g.get("brand") or brand.NOBODY, **context})


def problem_page(status: int, title: str, detail: str) -> str:
    """A page for an error, in the brand of the brokerage where it is known."""
    return page("problem.html", status=status, title=title, detail=detail)


def _problem(error: DomainError) -> Response:
    answer = Response(problem_page(error.status, error.title, error.message), error.status)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer
