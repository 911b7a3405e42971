"""The development inbox: e-mail that the sink has kept as files. Only in the embedded environment, only for admins, and
of their own workspace alone.
"""

from __future__ import annotations

import datetime as dt
import email
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, url_for

from app import permissions
from app.errors import NotFound
from app.services import mail_owners
from models import formats
from models.words import _
from views import shell

pages = Blueprint("dev_inbox", __name__)
_NAME = re.compile(r"[0-9]{8}T[0-9]{12}-[0-9a-f]{8}\.eml")
_MOST = 100
_SHOWN = ("Message-ID", "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post")


@pages.before_request
def _only_here() -> None:
    if current_app.config["APP_ENV"] == "production" or not current_app.config["SMTP_URL"].startswith("sink://"):
        raise NotFound()
    if g.get("actor") is None or permissions.reach(shell.actor(), "write", "workspace") is None:
        raise NotFound()


@pages.get("/dev/inbox")
def index() -> str:
    return render_template(
        "dev_inbox.html", title=_("Development inbox"), mails=_list(), mail=None, folder=str(_folder())
    )


@pages.get("/dev/inbox/<name>")
def show(name: str) -> str:
    mail = _read(name)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    shown: dict[str, Any] = {
        "subject": mail["Subject"],
        "sender": mail["From"],
        "to": mail["To"],
        "date": mail["Date"],
        "headers": [(header, mail[header]) for header in _SHOWN if mail[header]],
        "text": text.get_content() if text else "",
        "html_url": url_for(".html", name=name) if html else None,
        "raw_url": url_for(".raw", name=name),
        "attachments": [],
    }
    return render_template(
        "dev_inbox.html", title=_("Development inbox"), mails=_list(name), mail=shown, folder=str(_folder())
    )


@pages.get("/dev/inbox/<name>/html")
def html(name: str) -> Response:
    """The HTML part, for the sandboxed frame."""
    body = _read(name).get_body(("html",))
    if body is None:
        raise NotFound()
    g.mail_page = True
    return Response(body.get_content(), content_type="text/html; charset=utf-8")


@pages.get("/dev/inbox/<name>/raw")
def raw(name: str) -> Response:
    _read(name)
    answer = Response(_path(name).read_bytes(), content_type="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _list(current: str = "") -> list[dict[str, Any]]:
    folder = _folder()
    names = sorted((p.name for p in folder.glob("*.eml")), reverse=True)[:_MOST] if folder.is_dir() else []
    mails = {name: _open(name) for name in names if _NAME.fullmatch(name)}
    seen = mail_owners.visible({_key(mail) for mail in mails.values()})
    return [_row(name, mail, current) for name, mail in mails.items() if _key(mail) in seen]


def _row(name: str, mail: EmailMessage, current: str) -> dict[str, Any]:
    at = dt.datetime.strptime(name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC).astimezone(shell.locale().zone)
    return {
        "id": name, "url": url_for("dev_inbox.show", name=name), "subject": mail["Subject"], "to": mail["To"],
        "sent": f"{formats.day_of_month(at)}, {at:%H:%M:%S}", "stamp": at.isoformat(), "current": name == current,
    }  # fmt: skip


def _read(name: str) -> EmailMessage:
    mail = _open(name)
    if not mail_owners.visible({_key(mail)}):
        raise NotFound()
    return mail


def _open(name: str) -> EmailMessage:
    return email.message_from_bytes(_path(name).read_bytes(), policy=default)


def _key(mail: EmailMessage) -> mail_owners.Mail:
    to: Any = mail["To"]
    return str(mail["Message-ID"] or ""), (to.addresses[0].addr_spec.lower() if to is not None and to.addresses else "")


def _path(name: str) -> Path:
    path = _folder() / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound()
    return path


def _folder() -> Path:
    return Path(current_app.config["SMTP_URL"].removeprefix("sink://"))
