"""Pictures of e-mails to many: made small enough for a phone, kept as files of the brokerage, and shown to readers at
an address that nobody can guess.

Does not belong here: which uploads are pictures at all (`app.services.uploads`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from dataclasses import replace

import sqlalchemy as sa
from PIL import Image

from app import permissions
from app.errors import Gone, Invalid, NotFound
from app.services import files, records
from app.services.operation import operation
from app.services.uploads import Upload
from models import scope
from models.base import session
from models.campaign import Campaign
from models.scope import Actor
from models.signed import BadLink, read_link, sign_link
from models.stored_file import StoredFile
from models.words import _
from models.workspace import Workspace

KINDS = frozenset({"png", "jpeg", "gif", "webp"})
ROLE = "mail"
PURPOSE = "mail picture"
# Twice the width of an e-mail, for sharp screens.
_BOX = (1200, 2400)
MOST_BYTES = 1_000_000
_GOOD_FOR = dt.timedelta(days=3650)


def fitted(found: Upload) -> Upload:
    """The picture within 1,200 pixels and one megabyte: PNG where that is small, else JPEG. `found` was inspected, so
    its content was made anew and can be decoded. Raises `Invalid`."""
    with Image.open(io.BytesIO(found.content or b"")) as image:
        still = image.convert("RGBA" if image.mode in ("RGBA", "LA", "P") else "RGB")
    still.thumbnail(_BOX)
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 85}), ("jpeg", {"quality": 60})):
        if kind == "jpeg":
            still = _on_white(still)
        out = io.BytesIO()
        still.save(out, kind, **options)
        if out.tell() <= (MOST_BYTES if kind == "jpeg" else MOST_BYTES // 4):
            made = out.getvalue()
            digest = hashlib.sha256(made).hexdigest()
            name = f"{found.safe_name.rpartition('.')[0] or 'picture'}.{'jpg' if kind == 'jpeg' else 'png'}"
            return replace(
                found, kind=kind, mime=f"image/{kind}", safe_name=name, size=len(made), sha256=digest, content=made
            )
    raise Invalid({"file": _("This picture is too heavy for an e-mail. Choose a smaller one.")})


def keep(found: Upload, storage_key: str, campaign_id: int | None, *, actor: Actor) -> StoredFile:
    """The record of a picture whose bytes were just kept under `storage_key`."""
    may_add(campaign_id, actor=actor)
    with operation("mail_picture.upload", actor=actor):
        made: StoredFile = records.create(StoredFile, {"name": found.safe_name}, actor=actor, source="upload")
        made.mime, made.size, made.sha256, made.storage_key = found.mime, found.size, found.sha256, storage_key
        made.role = ROLE
        session.flush()
    return made


def may_add(campaign_id: int | None, *, actor: Actor) -> None:
    """Whoever writes the campaign, or templates, and may add files."""
    permissions.require(actor, "write", "stored_file")
    if campaign_id is None:
        permissions.require(actor, "write", "template")
    else:
        records.load(Campaign, campaign_id, actor=actor, action="write")


def placeable() -> frozenset[int]:
    """The pictures of this workspace that e-mails may show."""
    return frozenset(session.scalars(sa.select(StoredFile.id).where(StoredFile.role == ROLE)))


def address(key: int, public_url: str) -> str:
    """Where readers fetch a picture."""
    return f"{public_url}/p/mail/picture/{sign_link(PURPOSE, [scope.workspace_id(), key], _GOOD_FOR)}"


def logo(public_url: str) -> str:
    """Where readers fetch the brokerage's logo; empty where it has none."""
    found = files.logo()
    slug = session.get_one(Workspace, scope.workspace_id()).slug
    return f"{public_url}/p/{slug}/logo?v={found.id}" if found is not None else ""


def of_token(token: str) -> tuple[int, int]:
    """(workspace, file) of an address. Raises `Gone`."""
    try:
        workspace, key = read_link(PURPOSE, token)
    except (BadLink, TypeError, ValueError):
        raise Gone() from None
    return int(workspace), int(key)


def load(key: int) -> StoredFile:
    """A picture of the workspace in force; raises `NotFound` for every other file."""
    found = session.scalars(sa.select(StoredFile).where(StoredFile.id == key, StoredFile.role == ROLE)).one_or_none()
    if found is None or not found.mime.startswith("image/"):
        raise NotFound()
    return found


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground
