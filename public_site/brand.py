"""How a brokerage looks on its public pages: name, colour, phone, the lines of the footer. Nothing else of it is
shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models import normal
from models.workspace import Workspace

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
PRODUCT = "Real Estate CRM Pro"


@dataclass(frozen=True, slots=True)
class Brand:
    """`colour` is safe to print into a style element; `phone` is (number to dial, number to read) or None."""

    name: str
    colour: str
    phone: tuple[str, str] | None = None
    address: str = ""
    license: str = ""
    privacy_email: str = ""


NOBODY = Brand(PRODUCT, "#0b6476")


def of(workspace: Workspace) -> Brand:
    """The brand of a workspace; a colour that is no #rrggbb becomes the product's own."""
    colour = workspace.color if _COLOUR.fullmatch(workspace.color or "") else NOBODY.colour
    phone = (workspace.phone, normal.show_phone(workspace.phone, workspace.region)) if workspace.phone else None
    return Brand(
        workspace.name,
        colour,
        phone,
        workspace.address or "",
        workspace.license or "",
        workspace.privacy_email or workspace.email or "",
    )
