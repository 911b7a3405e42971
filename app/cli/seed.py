"""`flask seed`: fills an empty database with demo data."""

from __future__ import annotations

from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from app import seeds
from app.cli.output import prints
from app.services import accounts
from models import scope

# Families of public pages whose address needs nothing but the brokerage's name.
_PUBLIC = ("/b/", "/c/", "/p/", "/privacy", "/embed/")
group = AppGroup("seed", help="Fill an empty database.")


@group.command("demo")
@click.option("--workspaces", default=2, show_default=True, type=click.IntRange(1, 500), help="Number of brokerages.")
@click.option(
    "--contacts",
    type=click.IntRange(0, 10_000_000),
    help="Contacts over all brokerages; without it, each has its story alone.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same people.")
@prints
def demo(workspaces: int, contacts: int | None, seed: int) -> dict[str, Any]:
    """Invented brokerages with people, contacts and deals. Prints their names, a one-time sign-in link and public
    pages.
    """
    made = seeds.fill(seed=seed, brokerages=workspaces, contacts=contacts)
    return {
        "workspaces": [{"slug": slug, "name": name} for _, slug, name in made.workspaces],
        "contacts": made.contacts,
        "email": made.owner_email,
        "sign_in_link": _sign_in_link(made.owner_email),
        "public_pages": public_pages(current_app, [slug for _, slug, _ in made.workspaces[:2]]),
    }


def public_pages(app: Flask, slugs: list[str]) -> list[str]:
    """Paths of the public pages of these brokerages, as far as the product has such pages."""
    rules = [
        r
        for r in app.url_map.iter_rules()
        if r.rule.startswith(_PUBLIC) and "GET" in (r.methods or ()) and r.arguments == {"slug"}
    ]
    return [path for slug in slugs for path in sorted(r.build({"slug": slug})[1] for r in rules)]  # type: ignore[index]


def _sign_in_link(email: str) -> str:
    with scope.across_workspaces("the owner of the demo gets a link"):
        user = accounts.find(email)
        if user is None:
            raise LookupError(f"The demo's owner {email} is missing.")
        token = accounts.make_sign_in_link(user, actor=scope.system("Command line"))
    return f"{current_app.config['PUBLIC_URL']}/auth/link/{token}"
