"""What a refused upload raises; apart, as each of the upload modules does."""

from __future__ import annotations


class UploadRefused(ValueError):
    """The file is not taken. The sentence says why and what to do; it is shown as it is."""
