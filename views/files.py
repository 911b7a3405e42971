"""Stored files in the console: add one to a contact or a deal, fetch one, set the workspace's logo.

A file always comes as an attachment of the type found in its content, never shown by the browser. The bytes are kept
before the record is written, and deleted again if it cannot be; where the process dies in between, they are left
without a record.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from flask import Blueprint, current_app, flash, redirect, render_template, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from app import permissions
from app.adapters import storage
from app.errors import NotFound
from app.services import files, logos, mail_pictures, records, uploads
from app.services.uploads import Upload, UploadRefused
from models.policy import Purpose
from models.scope import Actor
from models.stored_file import StoredFile
from models.words import _
from views import problems, shell
from views.screen import of
from views.settings_kit import page

pages = Blueprint("files", __name__)
Answer = str | Response | tuple[str, int]
LOGO_KINDS = frozenset({"png", "jpeg", "webp"})


@pages.post("/files/upload")
def upload() -> Answer:
    """Add the file of the form to `?contact_id=` or `?deal_id=`; a refused one is named with the reason and can be
    replaced."""
    actor = shell.actor()
    contact_id, deal_id = _id("contact_id"), _id("deal_id")
    where = files.place(contact_id, deal_id, actor=actor)
    screen, key = (of("contact"), contact_id) if contact_id is not None else (of("deal"), deal_id)
    given = request.files.get("file")
    try:
        found = _inspect(given)
    except UploadRefused as error:
        return _refused(str(error), screen.url(key))
    made = _kept(found, given, where, actor)
    flags = " " + _("It holds {flags}.", flags=", ".join(found.flags)) if found.flags else ""
    shell.toast(
        _("File “{name:.60}” added.{flags}", name=made.name, flags=flags), of("stored_file").url(made.id, "delete")
    )
    return redirect(screen.url(key), 303)


def take(given: FileStorage, where: dict[str, int], *, actor: Actor) -> StoredFile:
    """Keep a file that came with a form; raises `UploadRefused` with the reason."""
    permissions.require(actor, "write", "stored_file")
    return _kept(_inspect(given), given, where, actor)


def _kept(found: Upload, given: FileStorage | None, where: dict[str, int], actor: Actor) -> StoredFile:
    stored = store().put(found.source(_stream(given)), cap=found.size)
    try:
        return files.keep(found, stored.key, where, actor=actor)
    except BaseException:
        store().delete(stored.key)
        raise


def take_picture(given: FileStorage | None, campaign_id: int | None, *, actor: Actor) -> StoredFile:
    """Keep a picture for an e-mail, made fit for it; raises `UploadRefused` and `Invalid` with the reason."""
    mail_pictures.may_add(campaign_id, actor=actor)
    found = mail_pictures.fitted(_inspect(given, mail_pictures.KINDS))
    stored = store().put(found.source(_stream(given)), cap=found.size)
    try:
        return mail_pictures.keep(found, stored.key, campaign_id, actor=actor)
    except BaseException:
        store().delete(stored.key)
        raise


@pages.get("/files/<int:key>/download")
def download(key: int) -> Response:
    """The bytes, or the part that `Range` asks for (RFC 9110, 14.2)."""
    return send(records.load(StoredFile, key, actor=shell.actor()))


@pages.route("/settings/workspace/public", methods=("GET", "POST"))
def public_pages() -> Answer:
    """Where the public pages are, and the picture that they show beside the name."""
    permissions.require(shell.actor(), "write", "workspace")
    if request.method == "GET":
        return _logo_page()
    if request.form.get("remove"):
        files.remove_logo(actor=shell.actor())
        flash(_("The logo was removed."), "success")
        return redirect(request.path, 303)
    given = request.files.get("file")
    try:
        found = logos.as_logo(_inspect(given, LOGO_KINDS))
    except UploadRefused as error:
        return _logo_page(str(error))
    stored = store().put(found.source(_stream(given)), cap=found.size)
    files.keep_logo(found, stored.key, actor=shell.actor())
    flash(_("The logo is on your public pages now."), "success")
    return redirect(request.path, 303)


def send(file: StoredFile, *, inline: bool = False) -> Response:
    """A stored file as an answer. `inline` only for pictures that were made anew. Raises `NotFound` where the bytes are
    gone."""
    head = {
        "Content-Disposition": uploads.content_disposition(file.name, inline=inline),
        "Accept-Ranges": "bytes",
        "ETag": f'"{file.sha256}"',
        "Content-Type": file.mime or "application/octet-stream",
    }
    if file.sha256 in request.if_none_match:
        return Response(status=304, headers={"ETag": head["ETag"]})
    start, stop, status = _wanted(file)
    head["Content-Length"] = str(stop - start)
    if status == 206:
        head["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    try:
        body = store().open(file.storage_key, start=start, length=stop - start)
    except (storage.NotStored, storage.BadKey):
        raise NotFound(_("The content of this file is gone. Its record is kept; add the file again.")) from None
    if request.method == "HEAD":
        body.close()
        return Response(status=status, headers=head)
    answer = Response(FileWrapper(body, 64 * 1024), status, head, direct_passthrough=True)
    answer.call_on_close(body.close)
    return answer


def store() -> storage.Storage:
    """The file store, for the purpose that files are kept for."""
    return storage.connect(current_app.config["STORAGE_URL"], purpose=Purpose.RUN_TRANSACTIONS)


def _wanted(file: StoredFile) -> tuple[int, int, int]:
    """(from, to, status): several ranges, or one of another version (`If-Range`), get the whole file."""
    asked = request.range
    if (
        asked is None
        or asked.units != "bytes"
        or len(asked.ranges) != 1
        or request.if_range.etag not in (None, file.sha256)
    ):
        return 0, file.size, 200
    found = asked.range_for_length(file.size)
    if found is None:
        raise RequestedRangeNotSatisfiable(file.size)
    return found[0], found[1], 206


def _inspect(given: FileStorage | None, allow: frozenset[str] = uploads.ALL) -> Upload:
    if given is None or not given.filename:
        raise UploadRefused(_("No file was chosen. Choose one, then press Upload."))
    found = uploads.inspect(_stream(given), given.filename, allow=allow)
    cap = current_app.config["UPLOAD_MAX_BYTES"]
    if found.size > cap:
        raise UploadRefused(
            _(
                "The file is larger than {cap} MB. Make it smaller or split it, then add it again.",
                cap=cap // uploads.MB,
            )
        )
    return found


def _stream(given: FileStorage | None) -> BinaryIO:
    stream: Any = given.stream if given else None
    return stream


def _refused(why: str, back: str) -> Answer:
    if problems.wants_json():
        return problems.problem(422, why, errors={"file": why})
    name = request.files["file"].filename if "file" in request.files else ""
    return render_template(
        "upload.html", title=_("The file was not added"), why=why, name=name, action=request.full_path, cancel_url=back
    ), 422


def _logo_page(error: str = "") -> Answer:
    current = files.logo()
    shown = page(
        "public_pages.html",
        title=_("Public pages"),
        current=current,
        error=error,
        site=current_app.config["PUBLIC_URL"],
        status=422 if error else 200,
    )
    return shown


def _id(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
