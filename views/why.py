"""The page that explains rights: may this person do this, on this record, and why. For oneself it is open to everybody.

Belongs here: reading the question. Does not belong here: answering it (`app.services.explain`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request

from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import explain, queries, relatives, values
from app.services.explain import Question
from models import registry
from models.scope import Actor
from models.words import N_, _
from views import shell
from views.roles import label_of
from views.screen import Screen, screens
from views.settings_kit import field, page

pages = Blueprint("why", __name__, url_prefix="/settings/roles")

ADDRESS = "/settings/roles/why"
_ACTS = (
    ("read", N_("Read")), ("add", N_("Add")), ("write", N_("Change")), ("delete", N_("Delete")),
    ("export", N_("Export")), ("see", N_("See a field")), ("change", N_("Change a field")),
)  # fmt: skip
_OWN_RULES = N_(
    "If a page refuses all the same, it says why: some steps have rules of their own, such as that only an owner "
    "makes an owner."
)


def address(**asked: Any) -> str:
    """The address of a question; what is empty is left out."""
    pairs = [(name, str(value)) for name, value in asked.items() if value not in (None, "")]
    return ADDRESS + (f"?{urlencode(pairs)}" if pairs else "")


def of_refusal(error: Forbidden) -> str:
    """The question that a refused request raises, about the one who made it."""
    act, entity, key = error.action, error.entity, (request.view_args or {}).get("key")
    spec = screens().get((request.endpoint or "").partition(".")[0].removeprefix("console_"))
    if spec is None or registry.permission_entity(spec.model) != entity:
        return address(entity=entity, act=act)
    if act == "write" and request.path.endswith("/new"):
        act = "add"
    return address(entity=spec.entity, act=act, record=key)


@pages.get("/why")
def show() -> Any:
    actor = shell.actor()
    everybody = explain.people(actor=actor)
    who = next(
        (one for wanted in (_number("member"), actor.membership_id) for one in everybody if one.id == wanted), None
    )
    if who is None:
        raise NotFound(_("There is nobody here whom you could ask about."))
    entity = request.args.get("entity", "")
    entity = entity if entity in permissions.subjects() or entity in registry.entities() else ""
    found = _found(entity, actor)
    answered, errors = _answer(who, entity, found, actor)
    return page(
        "why.html",
        title=_("Explain rights"),
        status=404 if "record" in errors and _record_id() else 200,
        intro=_("Who may do what, on which record, and why. The answer comes from the checks themselves."),
        fields=_fields(who, everybody, entity, errors, actor),
        record=_record(entity, errors, actor),
        answer=answered,
        found=[{"title": title, "url": _with_record(key)} for key, title in found] if len(found) > 1 else [],
        errors=[text for name, text in errors.items() if not name],
    )


def _answer(who: Any, entity: str, found: list[tuple[int, str]], actor: Actor) -> tuple[Any, dict[str, str]]:
    if not entity:
        return None, {}
    typed = request.args.get("record-text", "").strip()
    record = _record_id() or (found[0][0] if len(found) == 1 else None)
    if record is None and typed and _same_kind():
        missing = {"record": _("Nothing that you can see is called “{typed}”.", typed=typed[:60])}
        return None, {} if found else missing
    act, spec = request.args.get("act", "read"), screens().get(entity)
    asked = Question(
        who.id, entity, act, _words, request.args.get("field", ""), record if spec else None, _number("key"),
        offered=_offered(spec, act), instead=spec.hint if spec and act == "add" else "", locale=shell.locale(),
    )  # fmt: skip
    try:
        answer = explain.answer(asked, actor=actor)
    except Invalid as error:
        return None, error.fields
    except (NotFound, Forbidden):
        return None, {"record": _("There is no such record or key, or it is not yours to see.")}
    shown = {
        "allowed": answer.allowed,
        "sentence": explain.sentence(asked, answer, who.name),
        "steps": answer.steps,
        "note": _OWN_RULES if answer.allowed else "",
    }
    return shown, {}


def _offered(spec: Screen | None, act: str) -> bool:
    """Whether the screen has the act at all, whoever asks."""
    if spec is None:
        return True
    return {"add": spec.adds, "write": spec.edits, "change": spec.edits, "delete": spec.deletes}.get(act, True)


def _words(name: str) -> tuple[str, str]:
    spec = screens().get(name)
    label = label_of(name)
    plural = label if label.isupper() or label[:2].isupper() else label[:1].lower() + label[1:]
    return (spec.singular if spec else plural), plural


def _fields(who: Any, everybody: list[Any], entity: str, errors: dict[str, str], actor: Actor) -> list[dict[str, Any]]:
    people = [(str(one.id), one.name if one.active else _("{name} (left)", name=one.name)) for one in everybody]
    kinds = [(name, label_of(name)) for name in (*registry.entities(), *permissions.AREAS)]
    acts = [(a, label) for a, label in _ACTS if entity not in permissions.AREAS or a in permissions.AREAS[entity]]
    shown = [
        field("member", _("Person"), kind="choice", value=str(who.id), choices=people, required=True),
        field(
            "entity", _("What"), kind="choice", value=entity, choices=sorted(kinds, key=lambda k: k[1]), required=True
        ),
    ]
    if not entity:
        return shown
    act = request.args.get("act", "read")
    shown.append(field("act", _("Action"), kind="choice", value=act, choices=acts, errors=errors, required=True))
    if entity in registry.entities() and act in explain.OF_FIELDS:
        known = [(n, one.label) for n, one in explain.fields(entity).items()]
        chosen = request.args.get("field", "")
        shown.append(
            field("field", _("Field"), kind="choice", value=chosen, choices=known, errors=errors, required=True)
        )
    held = [(str(key.id), key.name) for key in explain.keys(who.id, actor=actor)]
    if held:
        chosen = request.args.get("key", "")
        shown.append(field("key", _("With the API key"), kind="choice", value=chosen, choices=held, required=False))
    return shown


def _record(entity: str, errors: dict[str, str], actor: Actor) -> dict[str, Any] | None:
    """The input for a record: a picker, and without script a text to find it by."""
    spec = screens().get(entity)
    if spec is None or request.args.get("act") == "add":
        return None
    key = _record_id()
    titles = relatives.titles({(entity, key)}, actor=actor) if key else {}
    return {
        "of": entity,
        "label": spec.singular.capitalize(),
        "value": key or "",
        "display": titles.get((entity, key or 0), ""),
        "picker_url": spec.url(page="picker"),
        "error": errors.get("record", ""),
    }


def _found(entity: str, actor: Actor) -> list[tuple[int, str]]:
    """Records by what was typed where no picker runs."""
    text = request.args.get("record-text", "").strip()[:200]
    spec = screens().get(entity)
    if not text or spec is None or _record_id() or not _same_kind() or not spec.can(actor, "read"):
        return []
    rows, _more = queries.options(spec.model, text, actor=actor, search=spec.search)
    return [(row[0], str(row[1])[:100]) for row in rows]


def _with_record(key: int) -> str:
    kept = {n: v for n, v in request.args.items() if n not in ("record", "record-text", "of")}
    return address(**kept, record=key)


def _record_id() -> int | None:
    return _number("record") if _same_kind() else None


def _same_kind() -> bool:
    """Whether the record that the form held is of the kind that is asked about now."""
    return request.args.get("of", request.args.get("entity")) == request.args.get("entity")


def _number(name: str) -> int | None:
    return values.whole(request.args.get(name, "")) or None
