"""How a brokerage looks on its public pages: name, logo, colour, phone, the lines of the footer. Nothing else is
shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.services import files
from models import normal, scope
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
    privacy_url: str = "/privacy"
    logo_url: str = ""


NOBODY = Brand(PRODUCT, "#0b6476")


def of(workspace: Workspace) -> Brand:
    """The brand of a workspace; a colour that is no #rrggbb becomes the product's own."""
    colour = workspace.color if _COLOUR.fullmatch(workspace.color or "") else NOBODY.colour
    phone = (workspace.phone, normal.show_phone(workspace.phone, workspace.region)) if workspace.phone else None
    with scope.inside(workspace.id):
        logo = files.logo()
    return Brand(
        workspace.name,
        colour,
        phone,
        workspace.address or "",
        workspace.license or "",
        workspace.privacy_email or workspace.email or "",
        f"/privacy/{workspace.slug}",
        f"/p/{workspace.slug}/logo?v={logo.id}" if logo else "",
    )
