"""What the codes of the audit log are called where people read them; the codes themselves are never translated.

Does not belong here: which rows are shown (`views.compliance`, `views.ledgers`).
"""

from __future__ import annotations

from typing import Any

from models import registry
from models.words import N_, _

_VERBS = {
    "create": N_("created"),
    "update": N_("updated"),
    "delete": N_("deleted"),
    "restore": N_("restored"),
    "export": N_("exported"),
    "open": N_("values opened"),
    "verify": N_("checked"),
    "add": N_("added"),
    "remove": N_("removed"),
    "failed": N_("failed"),
    "attest": N_("attested"),
    "start": N_("started"),
    "finish": N_("finished"),
    "undo": N_("undone"),
    "revoke": N_("revoked"),
    "accept": N_("accepted"),
    "ask": N_("asked for"),
    "joined": N_("joined"),
    "tested": N_("tested"),
    "sent_again": N_("sent again"),
    "secret_shown": N_("secret shown"),
    "secret_rotated": N_("secret rotated"),
    "paused": N_("paused"),
}
_SAID = {
    "sign_out": N_("sign out"),
    "second_factor.set_up": N_("second factor set up"),
    "second_factor.removed": N_("second factor removed"),
    "recovery_codes.made": N_("recovery codes made"),
    "password.reset": N_("password reset"),
    "password.reset_asked": N_("password reset asked"),
    "password.changed": N_("password changed"),
    "passkey.removed": N_("passkey removed"),
    "passkey.added": N_("passkey added"),
    "workspace.provisioned": N_("workspace provisioned"),
    "workspace.entered": N_("workspace entered"),
    "view.subscribed": N_("view subscribed"),
    "view.saved": N_("view saved"),
    "tracking.saved": N_("tracking changed"),
    "preferences.follow": N_("reading may be noted"),
    "preferences.unfollow": N_("reading may not be noted"),
    "webhook.released": N_("held events sent"),
    "view.deleted": N_("view deleted"),
    "user.operator_changed": N_("user operator changed"),
    "user.created": N_("user created"),
    "sign_in.failed": N_("sign in failed"),
    "sign_in.locked": N_("sign in locked"),
    "sign_in": N_("sign in"),
    "role.fields_limited": N_("role fields limited"),
    "role.deleted": N_("role deleted"),
    "role.created": N_("role created"),
    "role.updated": N_("role updated"),
    "layout.saved": N_("layout saved"),
    "job.retry": N_("job retry"),
    "job.cancel": N_("job cancel"),
    "job.dead": N_("job dead"),
    "job.failed": N_("job failed"),
    "job.refused": N_("job refused"),
    "job.cancelled": N_("job cancelled"),
    "invitation.sent": N_("invitation sent"),
    "invitation.revoked": N_("invitation revoked"),
    "invitation.accepted": N_("invitation accepted"),
    "import.refuse": N_("import refuse"),
    "import.forget_files": N_("import forget files"),
    "import.start": N_("import started"),
    "import.finish": N_("import finished"),
    "import.undo": N_("import undone"),
    "housekeeping.trim": N_("housekeeping trim"),
    "draft.ask": N_("draft asked for"),
    "draft.use": N_("draft used"),
    "draft.discard": N_("draft dropped"),
    "ai.settings": N_("AI settings changed"),
    "ai.provider_saved": N_("AI provider saved"),
    "ai.provider_removed": N_("AI provider removed"),
    "ai.test": N_("AI provider tested"),
    "ai.copy_opened": N_("copy of an AI call opened"),
    "contact.seed": N_("contact seed"),
    "bin.purge": N_("bin purge"),
    "attestation.refused": N_("attestation refused"),
    "attestation.give": N_("attestation give"),
    "api_key.rotated": N_("api key rotated"),
    "api_key.revoked": N_("api key revoked"),
    "api_key.refused": N_("api key refused"),
    "api_key.created": N_("api key created"),
    "access.started": N_("access started"),
    "access.revoked": N_("access revoked"),
    "access.granted": N_("access granted"),
    "access.ended": N_("access ended"),
    "session.ended": N_("session ended"),
    "sign_in_link.used": N_("sign in link used"),
    "sign_in_link.made": N_("sign in link made"),
    "consent.given": N_("consent given"),
    "consent.withdrawn": N_("consent withdrawn"),
    "consent.give": N_("consent give"),
    "consent.withdraw": N_("consent withdraw"),
}
_BAD = ("failed", "refused", "dead", "locked")


def entry_words(action: str, facts: Any) -> tuple[str, bool]:
    """An action in words, and whether it is bad news: "contact.update" is "updated", "sign_in.failed" is "sign in
    failed"."""
    thing, _dot, verb = action.rpartition(".")
    bad = any(part in verb for part in _BAD) or (isinstance(facts, dict) and facts.get("ok") is False)
    if thing in registry.entities() or thing == "audit":
        return verb_words(verb), bad
    if action in _SAID:
        return _SAID[action], bad
    plain = thing.replace("_", " ").replace(".", " ")
    return _("{what} {done}", what=plain, done=verb_words(verb)).strip(), bad


def verb_words(verb: str) -> str:
    """The last part of a code in words."""
    return _VERBS.get(verb, verb.replace("_", " "))
