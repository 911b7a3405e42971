"""Makes a logo of an uploaded picture: small enough for a page of 20 KB, sharp on dense screens."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

from PIL import Image

from app.services.uploads import Upload

# Shown at most 160 x 32 pixels (look of the public pages), kept twice as large.
_BOX = (320, 64)


def as_logo(found: Upload) -> Upload:
    """The picture as PNG within 320 x 64 pixels. `found` was inspected, so its content was made anew and can be
    decoded."""
    with Image.open(io.BytesIO(found.content or b"")) as image:
        still = image.convert("RGBA")
    still.thumbnail(_BOX)
    out = io.BytesIO()
    still.save(out, "PNG", optimize=True)
    made = out.getvalue()
    return replace(
        found,
        kind="png",
        mime="image/png",
        safe_name="logo.png",
        size=len(made),
        sha256=hashlib.sha256(made).hexdigest(),
        content=made,
    )
