"""Why a record meets the rule of a role or does not: the part of the rule that decides, asked of the gate.

Who asks and does not see a field of the rule is told of the rule as a whole, and nothing of its parts. Does not belong
here: the other reasons (`app.services.explain`).
"""

from __future__ import annotations

from typing import Any

from app.services import relatives, rules
from app.services.values import Locale
from models.scope import Actor, Rule
from models.words import N_, _

BROKEN = N_("The rule of the role can't be read any more, so it reaches nothing. Open the role and say it anew.")


def reached(model: type[Any], rule: Rule, locale: Locale, *, actor: Actor) -> str:
    """What a rule reaches, as a part of a sentence."""
    if not rules.is_sound(model, rule) or not rules.is_seen(model, rule):
        return _("those that meet the rule of the role")
    titles = _titles(model, rule, actor)
    return _("those that meet its rule, {rule}", rule=rules.words(model, rules.read(model, rule), locale, titles))


def of_record(
    model: type[Any], rule: Rule, key: int, one: str, locale: Locale, *, them: Actor, actor: Actor
) -> tuple[bool, str]:
    """Whether the record meets the rule for `them`, and why, in words for `actor`; `one` names the record."""
    if not rules.is_sound(model, rule):
        return False, str(BROKEN)
    whole = rules.read(model, rule)
    met = rules.met(rule, model, key, them)
    good = met[whole]
    if not rules.is_seen(model, rule):
        if good:
            return True, _("{record} meets the rule of the role.", record=one)
        return False, _("{record} does not meet the rule of the role.", record=one)
    titles = _titles(model, rule, actor)
    deciding = rules.meeting(whole, met) if good else rules.failing(whole, met)
    told = "; ".join(rules.words(model, part, locale, titles) for part in dict.fromkeys(deciding))
    if good:
        return True, _("{record} meets the rule of the role: {conditions}.", record=one, conditions=told)
    return False, _("{record} does not meet the rule of the role: {conditions} (not so).", record=one, conditions=told)


def _titles(model: type[Any], rule: Rule, actor: Actor) -> dict[tuple[str, int], str]:
    wanted = rules.related(model, [rule])
    return relatives.titles(wanted, actor=actor) if wanted else {}
