"""What people type into an e-mail to many comes out as text, never as markup, a field or a link of its own making."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.services import mail_blocks, mail_drawing, mail_merge
from app.services.mail_drawing import Brand

NAMES = frozenset({"contact.name", "contact.first_name", "sender.name", "sender.phone", "workspace.name",
                   "workspace.address", "links.unsubscribe", "links.archive"})  # fmt: skip
BRAND = Brand("Harbor <Realty> & Sons", "#10414d")
VALUES = {
    "contact": {"name": "Ann <b>Lee</b>", "first_name": "Ann"},
    "sender": {"name": "Dana", "phone": ""},
    "workspace": {"name": "Harbor", "address": "1 Quay Street"},
    "links": {"unsubscribe": "https://crm.example/p/stop", "archive": "https://crm.example/p/see"},
}


def block(kind: str, key: str = "b1", **members: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(mail_blocks.TEXTS[kind], "")
    pictured = {"picture": None} if kind in mail_blocks.PICTURED else {}
    return {"id": key, "kind": kind, **empty, **pictured, **members}


def drawn(*blocks: dict[str, Any]) -> tuple[str, str]:
    read = mail_blocks.read(list(blocks), NAMES, {7})
    made = mail_drawing.draw(read, BRAND, NAMES, preheader="Three {{ contact.first_name }}", picture=lambda k: f"/{k}")
    return mail_merge.fill(made.html, VALUES, as_html=True), mail_merge.fill(made.text, VALUES)


class Seen(HTMLParser):
    """Elements, attributes and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, frozenset[str]]] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, frozenset(name for name, _value in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_whole_e_mail_reads_well_as_html_and_as_text() -> None:
    page, text = drawn(
        block("heading", "b1", text="Homes for {{ contact.first_name }}"),
        block("text", "b2", text="**Three** came on, see [ours](https://harbor.example/a?b=1&c=2).\n\n- one\n- two"),
        block("image", "b3", picture=7, alt="A porch", url="https://harbor.example/porch"),
        block("columns", "b4", columns=[[block("text", "b5", text="Left")], [block("divider", "b6")]]),
        block("listing", "b7", title="12 Oak", address="Portland", price="$500,000", url="https://harbor.example/12"),
        block("button", "b8", label="Call {{ sender.name }}", url="tel:+12075550100"),
        block("signature", "b9"),
    )
    assert "Homes for Ann" in page and "<strong>Three</strong>" in page and "Harbor &lt;Realty&gt; &amp; Sons" in page
    assert {"https://harbor.example/a?b=1&c=2", "/7", "tel:+12075550100", "https://crm.example/p/stop"} <= set(
        Seen(page).links
    )
    assert "{{" not in page
    assert text.startswith("Homes for Ann\n\nThree came on, see ours (https://harbor.example/a?b=1&c=2).")
    assert "12 Oak\nPortland\n$500,000\nhttps://harbor.example/12" in text
    assert text.endswith("-- \nHarbor\n1 Quay Street\nTo stop these e-mails: https://crm.example/p/stop\n")


def test_a_person_is_called_by_what_is_known_and_else_by_the_fallback() -> None:
    parts = mail_merge.parse('Dear {{ contact.first_name | default("friend") | title }}, {{ contact.name }}', NAMES)
    assert mail_merge.fill(parts, {"contact": {"first_name": "ann"}}) == "Dear Ann, "
    assert mail_merge.fill(parts, {}) == "Dear Friend, "
    assert mail_merge.empty(parts, {"contact": {}}) == ["contact.name"]
    assert mail_merge.fill(parts, {"contact": {"name": "{{ sender.name }} <b>"}}, as_html=True).endswith(
        "{{ sender.name }} &lt;b&gt;"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ contact.name", "{% for x in y %}{% endfor %}", "{{ contact.salary }}", "{{ contact['name'] }}", "{{ 7*7 }}",
        "{{ contact.__class__.__mro__ }}", "{{ contact.name() }}", "{{ contact.name | attr('x') }}",
        "{{ contact.name | default(sender.name) }}", "{{ self._TemplateReference__context }}", "{{ ''.__class__ }}",
        "{{ contact.name | default('a', boolean=true, x=1) }}", "{% include 'x' %}", "{{ config }}",
        "{{ (contact).name if 1 else 2 }}", "{{ contact.name ~ 'x' }}", "{% set x = 1 %}", "{{ range(9) }}", "{{",
    ],
)  # fmt: skip
def test_nothing_but_a_field_on_the_list_is_a_field(text: str) -> None:
    with pytest.raises(mail_merge.BadField):
        mail_merge.parse(text, NAMES)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_and_comes_back_as_it_was(text: str) -> None:
    try:
        parts = mail_merge.parse(text, NAMES)
    except mail_merge.BadField:
        return
    held = mail_merge.Held()
    assert held.split(held.hold(parts)) == mail_merge.joined(parts)


NASTY = st.lists(
    st.sampled_from(
        ["<script>", "</mj-text>", '"', "'", "&", "<", ">", "--", "]]>", "javascript:x()",
         "[x](javascript:x())", "[x](https://a.example)", "![x](https://a.example/x.png)", "<img src=x>", "{", "}",
         "<mj-raw>", "**b**", "_i_", "\n", "- ", " ", "&#60;", "&lt;", "x", "<!--", "onerror=1", "<https://a.example>",
         "{{ contact.name }}", '{{ contact.first_name|default("<i>") }}', "\\", "`", "# ", "1. ", "\t"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
ALLOWED = {"p", "strong", "em", "ul", "ol", "li", "br", "a"}


@given(NASTY)
def test_typed_text_adds_no_element_attribute_or_link_but_those_of_its_few_signs(text: str) -> None:
    bare = Seen(drawn(block("heading"), block("text", "b2"), block("button", "b3", url="https://h.example"))[0])
    try:
        page, _text = drawn(
            block("heading", text=text[:200]), block("text", "b2", text=text),
            block("button", "b3", label=text[:100], url="https://h.example"),
        )  # fmt: skip
    except Invalid:
        return
    seen = Seen(page)
    more = list(seen.tags)
    for one in bare.tags:
        if one in more:
            more.remove(one)
    assert {tag for tag, _names in more} <= ALLOWED
    assert all(names <= {"href", "target", "style"} or tag == "li" for tag, names in more)
    assert all(re.match(r"(https?:|mailto:|tel:|#|$)", link) for link in seen.links)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["id", "kind", "text", "columns", "picture", "url", "alt", "label", "x"]),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_comes_as_blocks_is_read_whole_or_refused_with_sentences(given_blocks: Any) -> None:
    try:
        read = mail_blocks.read(given_blocks, NAMES)
    except Invalid as error:
        assert error.fields and all(error.fields.values())
        return
    assert mail_blocks.read(read, NAMES) == read
    mail_drawing.draw(read, BRAND, NAMES)


def test_links_of_other_schemes_other_pictures_and_nested_columns_are_refused() -> None:
    inner = block("columns", "b2", columns=[[], []])
    for given_blocks in (
        [block("button", label="x", url="javascript:alert(1)")],
        [block("button", label="x", url="data:text/html,x")],
        [block("image", picture=8, alt="x")],
        [block("columns", columns=[[inner], []])],
        [block("divider"), block("divider")],
        [block("divider", f"b{n}") for n in range(mail_blocks.MOST + 1)],
    ):
        with pytest.raises(Invalid):
            mail_blocks.read(given_blocks, NAMES, {7})


def test_what_is_not_finished_is_said_by_block() -> None:
    blocks = [block("button"), block("image", "b2", picture=7), block("text", "b3", text=" "), block("listing", "b4")]
    assert set(mail_blocks.unfinished(blocks)) == {"b1", "b2", "b3", "b4"}
    assert mail_blocks.unfinished([block("divider"), block("text", "b2", text="Hi")]) == {}


def test_an_e_mail_asks_no_other_host_for_anything() -> None:
    page, _text = drawn(block("text", text="Hi"), block("image", "b2", picture=7, alt="A porch"))
    seen = Seen(page)
    assert {link for link in seen.links if link != "/7"} == {VALUES["links"]["unsubscribe"], VALUES["links"]["archive"]}
    assert "@import" not in page and "url(" not in page
