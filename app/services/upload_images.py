"""Pictures from outside, made anew: decoded within limits and written again without anything but the picture.

Belongs here: decoding and re-encoding. Does not belong here: which types are welcome (`app.services.uploads`).
Writing anew drops EXIF (place, camera, owner), comments, thumbnails, and whatever was hidden behind the picture
(P56; ASVS 14.2.8). The orientation is applied first; colours are turned to sRGB, as the profile is dropped too.
"""

from __future__ import annotations

import io
import warnings
from functools import cache
from typing import Any, BinaryIO

from PIL import Image, ImageCms, ImageOps, ImageSequence

from app.services.upload_errors import UploadRefused
from models.words import _

MAX_PIXELS = 64_000_000
MAX_ALL_FRAMES = 200_000_000
MAX_SIDE = 20_000

_WRITTEN_AS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}
_READ_AS = {"jpeg": ("JPEG", "MPO"), "png": ("PNG",), "webp": ("WEBP",), "gif": ("GIF",)}


def remake(stream: BinaryIO, kind: str) -> bytes:
    """The picture as new bytes; raises `UploadRefused` where it is broken or too large to be decoded safely."""
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream, formats=_READ_AS[kind]) as image:
                _check_size(image)
                return _write(image, kind)
    except UploadRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large() from None
    except (OSError, ValueError, SyntaxError, EOFError, ZeroDivisionError, MemoryError, RuntimeError):
        raise UploadRefused(
            _("The picture is damaged. Open it on your computer, save it again, and add the copy.")
        ) from None


def _check_size(image: Image.Image) -> None:
    """Reads the header only: nothing is decoded before the size is known."""
    width, height = image.size
    frames = getattr(image, "n_frames", 1) if getattr(image, "is_animated", False) else 1
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS or width * height * frames > MAX_ALL_FRAMES:
        raise _too_large()


def _too_large() -> UploadRefused:
    return UploadRefused(
        _(
            "The picture has more than {most} million pixels. Make it smaller and add it again.",
            most=MAX_PIXELS // 1000000,
        )
    )


def _write(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    if kind in {"gif", "webp", "png"} and getattr(image, "is_animated", False):
        first, *rest = [_bare(frame.copy()) for frame in ImageSequence.Iterator(image)]
        timing = {"duration": image.info.get("duration", 100), "loop": image.info.get("loop", 0)}
        first.save(out, _WRITTEN_AS[kind], save_all=True, append_images=rest, **timing)
    else:
        still = _bare(_srgb(ImageOps.exif_transpose(image)))
        if _WRITTEN_AS[kind] == "JPEG" and still.mode not in {"RGB", "L"}:
            still = still.convert("RGB")
        still.save(out, _WRITTEN_AS[kind], **_options(kind))
    return out.getvalue()


def _options(kind: str) -> dict[str, Any]:
    if _WRITTEN_AS[kind] == "JPEG":
        return {"quality": 90, "progressive": True}
    return {"quality": 90, "method": 3} if kind == "webp" else {}


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "CMYK"}:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _srgb_profile(), outputMode="RGB") or image
    except (ImageCms.PyCMSError, OSError):
        return image


@cache
def _srgb_profile() -> Any:
    return ImageCms.createProfile("sRGB")


def _bare(image: Image.Image) -> Image.Image:
    """Only what is needed to draw it: Pillow writes some of `info` back unless it is gone."""
    image.load()
    image.info = {key: image.info[key] for key in ("transparency", "background") if key in image.info}
    image.getexif().clear()
    return image
