"""A set-up with something of every part, and how it is exported, imported and returned to in tests."""

from __future__ import annotations

from typing import Any

import orjson

from app.services import field_rights, layouts, records, roles, saved_views
from app.services.setup import apply, capture, document, files, plan
from app.services.setup.plan import Plan
from models.contact import Tag
from models.deal import Pipeline, Stage
from models.message import Template
from models.scope import Actor, Extent, Reach, Rule
from tests.factories import Office
from tests.factories_fields import define_all


def furnish(office: Office) -> dict[str, Any]:
    """Something of every part, as the owner would make it; must run inside the office. Returns ids and keys."""
    owner = office.actor("owner")
    define_all("contact", actor=owner)
    define_all("deal", actor=owner, only=("Nickname", "School area"))
    rights: dict[str, dict[str, Extent]] = {
        "contact": {"read": Reach.TEAM, "write": Reach.OWN},
        "deal": {"read": Reach.TEAM},
        "custom_field": {"read": Reach.WORKSPACE},
    }
    role = roles.create("Transaction desk", rights, actor=owner)
    field_rights.limit(role.id, "contact", {"x_nickname": "hidden", "budget_max": "read"}, actor=owner)
    field_rights.limit(office.agent.role_id, "contact", {"x_school_area": "read"}, actor=owner)
    layouts.save(
        "contact",
        0,
        {
            "labels": {"x_nickname": ["Called", "As friends say"], "budget_max": ["Ceiling", ""]},
            "sections": [["Who", ["name", "x_nickname", "tags"]], ["Money", ["budget_max"]]],
            "required": ["phone"],
            "columns": ["x_school_area", "phone"],
            "when": {"budget_max": "type:is:buyer"},
        },
        actor=owner,
    )
    layouts.save("contact", role.id, {"columns": ["phone"]}, actor=owner)
    pipeline = records.create(Pipeline, {"name": "Rentals"}, actor=owner)
    stages = [
        records.create(
            Stage,
            {"name": name, "pipeline_id": pipeline.id, "position": at, "probability": at * 30, "outcome": outcome},
            actor=owner,
        )
        for at, (name, outcome) in enumerate((("New", "open"), ("Signed", "won")), 1)
    ]
    template = records.create(
        Template, {"name": "Welcome", "subject": "Welcome", "body": "Hello {{ contact.goes_by }}", "kind": "marketing"},
        actor=owner,
    )  # fmt: skip
    tag = records.create(Tag, {"name": "VIP"}, actor=owner)
    _rule(office, role.id, rights, tag.id, stages[1].id)
    kept = saved_views.save
    views = {
        "choice": kept("contact", "South", "f=x_school_area:is:south&sort=-name&cols=phone", "workspace", actor=owner),
        "tag": kept("contact", "Important", f"f=tags:is:{tag.id}", "workspace", actor=owner),
        "stage": kept("deal", "Signed", f"f=stage_id:is:{stages[1].id}&display=board&by=stage_id&inside={pipeline.id}",
                      "workspace", actor=owner),
        "nested": kept("contact", "Either", 'w={"or":["stage:is:active",{"and":["type:is:buyer","x_pets:is:1"]}]}',
                       "workspace", actor=owner),
        "team": kept("contact", "Ours", "f=stage:is:new", "team", actor=office.actor("agent")),
        "private": kept("contact", "Mine alone", "f=stage:is:lost", "private", actor=owner),
        "people": kept("contact", "Of Ada", f"f=owner_id:is:{office.agent.membership_id}", "workspace", actor=owner),
        "words": kept("contact", "Named", "q=Whitcombe", "workspace", actor=owner),
        "typed": kept("contact", "Mailed", "f=email:is:dana@example.com", "workspace", actor=owner),
    }  # fmt: skip
    return {"role": role.id, "pipeline": pipeline.id, "stages": [s.id for s in stages], "template": template.id,
            "tag": tag.id, "views": views}  # fmt: skip


def _rule(office: Office, role_id: int, rights: dict[str, dict[str, Extent]], tag: int, signed: int) -> None:
    """Rules of a role: two that can be taken along, one that asks for a person, one with words about people."""
    east = office.teams["east"]
    ruled = {
        ("contact", "delete"): f'{{"and":["tags:is:{tag}","x_pets:is:1"]}}',
        ("contact", "export"): f'{{"and":["owner_id:is:{office.agent.membership_id}"]}}',
        ("deal", "read"): f'{{"or":["team_id:is:@team|{east}",{{"and":["stage_id:is:{signed}"]}}]}}',
        ("deal", "export"): '{"and":["title:starts:Whitcombe"]}',
    }
    for (entity, action), text in ruled.items():
        rights.setdefault(entity, {})[action] = Rule(text)
    roles.update(role_id, "Transaction desk", rights, actor=office.actor("owner"))


def exported(actor: Actor) -> bytes:
    """The file of the workspace in force, without a row in the audit log."""
    return files.look(actor=actor).data


def dry_run(data: bytes, actor: Actor) -> Plan:
    items, names = document.read(data)
    found = plan.of_file(capture.take(), items, names, actor=actor)
    apply.preview(found, None, actor=actor)
    return found


def brought(data: bytes, actor: Actor, chosen: set[str] | None = None) -> Plan:
    items, names = document.read(data)
    return apply.import_file(items, names, chosen, "set-up.json", actor=actor)


def with_part(data: bytes, **changed: Any) -> bytes:
    """A file with other parts."""
    return orjson.dumps(orjson.loads(data) | changed)
