"""Fields of every type that a brokerage may add, and values for them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from app.services import custom_fields
from models.custom import CustomField
from models.policy import Category, Purpose
from models.scope import Actor

TAGS = {"category": Category.CONTACT.value, "purpose": Purpose.RUN_TRANSACTIONS.value, "keep": "record"}
# label, type, more facts
EVERY_KIND: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Nickname", "text", {"searchable": True}),
    ("Story", "textarea", {}),
    ("Lot size", "number", {"places": 2}),
    ("Rooms", "number", {}),
    ("Pre-approval", "money", {}),
    ("Anniversary", "date", {}),
    ("Next call", "datetime", {}),
    ("Pets", "boolean", {}),
    ("School area", "choice", {"options": ["North", "South", "East"]}),
    ("Wishes", "multichoice", {"options": ["Garden", "Garage", "Sauna"]}),
    ("Private mail", "email", {}),
    ("Second phone", "phone", {}),
    ("Profile", "url", {}),
    ("Referred by", "relation", {"target": "contact"}),
    ("Passport", "file", {}),
    ("Fee", "computed", {"result": "money", "formula": "x_pre_approval * 0.03"}),
)
VALUES: dict[str, Any] = {
    "x_nickname": "Bean",
    "x_story": "Came with the wind.\nStayed.",
    "x_lot_size": Decimal("0.35"),
    "x_rooms": 4,
    "x_pre_approval": 500_000_00,
    "x_anniversary": dt.date(2001, 6, 9),
    "x_next_call": dt.datetime(2026, 12, 1, 15, 30, tzinfo=dt.UTC),
    "x_pets": True,
    "x_school_area": "south",
    "x_wishes": ("garden", "sauna"),
    "x_private_mail": "bean@example.com",
    "x_second_phone": "+14155550199",
    "x_profile": "https://example.com/bean",
}


def define_all(entity: str, *, actor: Actor, only: tuple[str, ...] = ()) -> dict[str, CustomField]:
    """One field of each type (or those with the labels `only`), by key."""
    made = [
        custom_fields.define(entity, {"label": label, "kind": kind, **TAGS, **more}, actor=actor)
        for label, kind, more in EVERY_KIND
        if not only or label in only
    ]
    return {one.key: one for one in made}
