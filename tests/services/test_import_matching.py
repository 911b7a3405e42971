"""Who is the same person: the same e-mail, or the same phone under the same name; an office number joins nobody."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from app.services.imports.matching import Action, Decision, Known, Matcher, lookup
from app.services.imports.rows import ContactRow, Detail, Problem
from models import normal

OFFICE = "+14155550100"


def person(line: int, name: str, *, email: str = "", phone: str = "") -> ContactRow:
    row = ContactRow(line, [], name=name, name_key=normal.name_key(name))
    row.emails = [Detail(one, "other") for one in email.split()]
    row.phones = [Detail(one, "other") for one in phone.split()]
    return row


def known(contact_id: int, name: str, *, email: str = "", phone: str = "") -> Known:
    return Known(contact_id, name, normal.name_key(name), tuple(email.split()), tuple(phone.split()))


def actions(decisions: list[Decision]) -> list[tuple[str, int | None, int | None]]:
    return [(d.action.value, d.contact_id, d.first_line) for d in decisions]


def test_a_file_meets_the_people_of_a_brokerage() -> None:
    rows = [
        person(2, "Ann Lee", email="ann@example.com"),
        person(3, "A. Lee", email="ann@example.com"),
        person(4, "Bob Ray", phone=OFFICE),
        person(5, "Cy Novak", phone=OFFICE),
        person(6, "RAY, Bob", phone=OFFICE, email="bob@example.com"),
        person(7, "Dee Kim", email="dee@example.com new@example.com"),
    ]
    decisions = Matcher().decide(rows, [known(70, "Dee Kim", email="dee@example.com")])
    assert actions(decisions) == [
        ("create", None, None),
        ("merge", None, 2),
        ("create", None, None),
        ("create", None, None),
        ("merge", None, 4),
        ("update", 70, None),
    ]


def test_known_people_may_be_left_as_they_are() -> None:
    matcher = Matcher(update=False)
    rows = [person(2, "Ann", email="ann@example.com"), person(3, "Ann", email="ann@example.com")]
    assert actions(matcher.decide(rows, [known(7, "Ann", email="ann@example.com")])) == [
        ("skip", 7, None),
        ("skip", 7, None),
    ]


def test_a_row_that_is_two_people_names_both() -> None:
    row = person(2, "Ann Lee", email="office@example.com", phone="+14155550134")
    people = [known(1, "Bob Ray", email="office@example.com"), known(2, "Ann Lee", phone="+14155550134")]
    (decision,) = Matcher().decide([row], people)
    assert decision.action is Action.ERROR
    assert "Bob Ray (contact 1)" in row.problem
    assert "Ann Lee (contact 2)" in row.problem


def test_two_e_mails_of_two_people_are_a_question_too() -> None:
    rows = [
        person(2, "Ann", email="ann@example.com"),
        person(3, "Bob", email="bob@example.com"),
        person(4, "Ann", email="ann@example.com bob@example.com"),
    ]
    assert [d.action for d in Matcher().decide(rows)] == [Action.CREATE, Action.CREATE, Action.ERROR]
    assert "line 2 of this file" in rows[2].problem


def test_an_e_mail_settles_which_of_two_twins_is_meant() -> None:
    twins = [known(1, "Ann Lee", email="ann@example.com", phone=OFFICE), known(2, "Ann Lee", phone=OFFICE)]
    both = person(2, "Ann Lee", email="ann@example.com", phone=OFFICE)
    assert actions(Matcher().decide([both], twins)) == [("update", 1, None)]
    assert actions(Matcher().decide([person(2, "Ann Lee", phone=OFFICE)], twins)) == [("error", None, None)]


def test_a_merged_phone_counts_under_the_first_name() -> None:
    rows = [
        person(2, "Ann Lee", email="ann@example.com"),
        person(3, "A. Lee", email="ann@example.com", phone="+14155550134"),
        person(4, "Ann Lee", phone="+14155550134"),
    ]
    assert actions(Matcher().decide(rows))[2] == ("merge", None, 2)


def test_what_was_written_meanwhile_is_the_same_person() -> None:
    matcher = Matcher()
    matcher.decide([person(2, "Ann Lee", email="ann@example.com", phone=OFFICE)])
    matcher.wrote({2: 500})
    later = [person(3, "Ann Lee", phone=OFFICE), person(4, "Zed", email="ann@example.com")]
    written = known(500, "Ann Lee", email="ann@example.com", phone=OFFICE)
    assert actions(matcher.decide(later, [written])) == [("merge", 500, 2), ("merge", 500, 2)]


def test_lookup_asks_for_good_rows_only() -> None:
    bad = person(3, "", email="bad@example.com")
    bad.errors.append(bad_reason)
    keys = lookup([person(2, "Ann", email="a@example.com b@example.com", phone=OFFICE), bad])
    assert (keys.emails, keys.phones) == ({"a@example.com", "b@example.com"}, {OFFICE})
    assert Matcher().decide([bad])[0].action is Action.ERROR


bad_reason = Problem("", "No name.")

NAMES = st.sampled_from(["Ann Lee", "Lee, Ann", "Bob Ray", "Cy", ""])
EMAILS = st.lists(
    st.sampled_from(["a@example.com", "b@example.com", "c@example.com", "d@example.com"]), max_size=2, unique=True
)
PHONES = st.lists(st.sampled_from([OFFICE, "+14155550134", "+14155550135"]), max_size=2, unique=True)
PEOPLE = st.lists(st.tuples(NAMES, EMAILS, PHONES), max_size=15)


def made(people: list[tuple[str, list[str], list[str]]]) -> list[ContactRow]:
    return [
        person(at, name, email=" ".join(mails), phone=" ".join(tels))
        for at, (name, mails, tels) in enumerate(people, 2)
    ]


@example(
    [("Ann Lee", ["a@example.com"], []), ("Ann Lee", [], [OFFICE]), ("Bob Ray", ["a@example.com"], [OFFICE]),
     ("Ann Lee", [], [OFFICE])], 1, False,
)  # fmt: skip
@given(PEOPLE, st.integers(1, 5), st.booleans())
def test_chunks_change_nothing(people: list[tuple[str, list[str], list[str]]], size: int, told: bool) -> None:
    whole = Matcher().decide(made(people))
    matcher, pieces, store = Matcher(), [], {}
    rows = made(people)
    for at in range(0, len(rows), size):
        chunk = matcher.decide(rows[at : at + size], list(store.values()) if told else [])
        pieces += chunk
        ids = {d.row.line: d.row.line + 1000 for d in chunk if d.action is Action.CREATE}
        matcher.wrote(ids if told else {})
        for decision in chunk:
            _write(store, decision, ids)
    assert [(d.action, d.first_line, d.row.problem) for d in pieces] == [
        (d.action, d.first_line, d.row.problem) for d in whole
    ]


def _write(store: dict[int, Known], decision: Decision, ids: dict[int, int]) -> None:
    """What a database would hold after the decision: a contact has its first name and all e-mails and phones."""
    row = decision.row
    if decision.action is Action.ERROR:
        return
    contact_id = ids.get(decision.first_line or row.line) or (decision.first_line or 0) + 1000
    before = store.get(contact_id)
    taken = {email for other in store.values() for email in other.emails}
    emails = (before.emails if before else ()) + tuple(e.value for e in row.emails if e.value not in taken)
    phones = (before.phones if before else ()) + tuple(p.value for p in row.phones)
    name = before.name if before else row.name
    store[contact_id] = Known(contact_id, name, normal.name_key(name), emails, phones)


@given(PEOPLE)
def test_no_e_mail_is_created_twice_and_nothing_is_lost(people: list[tuple[str, list[str], list[str]]]) -> None:
    decisions = Matcher().decide(made(people))
    assert [d.row.line for d in decisions] == list(range(2, len(people) + 2))
    created = [e.value for d in decisions if d.action is Action.CREATE for e in d.row.emails]
    assert len(created) == len(set(created))
    first_lines = {d.row.line for d in decisions if d.action is Action.CREATE}
    assert all(d.first_line in first_lines for d in decisions if d.action is Action.MERGE)


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=6), unique=True, min_size=1, max_size=30))
def test_an_office_number_never_merges_people_of_other_names(names: list[str]) -> None:
    rows = [person(at, name, phone=OFFICE) for at, name in enumerate(names, 2)]
    assert {d.action for d in Matcher().decide(rows)} == {Action.CREATE}


@example([
    ("Ann Lee", ["c@example.com"], []), ("Bob Ray", ["a@example.com"], []),
    ("Bob Ray", ["c@example.com"], ["+14155550135", OFFICE]), ("Bob Ray", [], ["+14155550135"]),
    ("Cy", ["a@example.com"], [OFFICE]),
])  # fmt: skip
@given(PEOPLE)
def test_the_same_file_again_creates_nobody(people: list[tuple[str, list[str], list[str]]]) -> None:
    store: dict[int, Known] = {}
    for decision in Matcher().decide(made(people)):
        _write(
            store, decision, {decision.row.line: decision.row.line + 1000} if decision.action is Action.CREATE else {}
        )
    again = Matcher().decide(made(people), list(store.values()))
    # Contacts that the first time mixed up make a question of a row, and what a question is about stands for nobody.
    asked = {phone for d in again if d.action is Action.ERROR for phone in d.row.phones}
    reachable = [d for d in again if d.row.emails or (set(d.row.phones) - asked and d.row.name_key)]
    assert Action.CREATE not in {d.action for d in reachable}
