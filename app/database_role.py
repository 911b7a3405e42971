"""Gives the role the application connects as its rights, after migrations: `python -m app.database_role`.

The owner of the tables migrates (MIGRATION_DATABASE_URL); the application connects as another role (DATABASE_URL), so
that row security binds it and it can't rewrite the audit log. What the rights are stands with the migrations
(`application_role`).
"""

import os
import sys

import psycopg

import config
from app.database_state import psycopg_url


def grant(owner_url: str, application_url: str) -> str | None:
    """Makes the rights of the application's role current and returns its name; None where one role does both."""
    role = _user(application_url)
    if not owner_url.startswith("postgresql") or role == _user(owner_url):
        return None
    with psycopg.connect(psycopg_url(owner_url)) as connection:
        connection.execute("select application_role(%s::name)", (role,))
    return role


def _user(url: str) -> str:
    return (
        str(psycopg.conninfo.conninfo_to_dict(psycopg_url(url)).get("user", "")) if url.startswith("postgresql") else ""
    )


def main() -> int:
    settings = config.load(os.environ)
    role = grant(settings["MIGRATION_DATABASE_URI"], settings["SQLALCHEMY_DATABASE_URI"])
    said = (
        f"The role {role} has its rights."
        if role
        else "DATABASE_URL and MIGRATION_DATABASE_URL name one role: no rights to give."
    )
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
