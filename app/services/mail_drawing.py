"""Draws the blocks of an e-mail: HTML that every mail program shows (by MJML), and a plain text beside it.

Typed text never meets markup unescaped: it is escaped on its way into MJML, its fields stand as marks meanwhile, and
what comes out is a list of parts with the fields between them (`app.services.mail_merge`). Does not belong here: what
blocks may hold (`app.services.mail_blocks`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import mrml
from markdown_it import MarkdownIt

from app.services import mail_blocks, mail_merge
from app.services.mail_blocks import Block
from app.services.mail_merge import Part
from models.words import _
from models.workspace import Workspace

# The address of a picture, by the id of its file.
Where = Callable[[int], str]
_markdown = MarkdownIt("zero", {"html": False, "breaks": True, "xhtmlOut": True}).enable(
    ["emphasis", "link", "list", "newline", "escape"]
)
_markdown.validateLink = mail_blocks.is_link  # type: ignore[method-assign, assignment]
# No e-mail of ours has its reader ask another host for anything: MJML would fetch known fonts from Google.
_NO_FONTS = mrml.RenderOptions(fonts={}, disable_comments=False)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_INK, _QUIET, _PAPER = "#1f2933", "#5f6b76", "#f4f5f7"
_FONT = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
# Mail programs that turn colours around at night are told that we thought of it.
_NIGHT = (
    '<mj-raw><meta name="color-scheme" content="light dark"/>'
    '<meta name="supported-color-schemes" content="light dark"/></mj-raw>'
    "<mj-style>@media (prefers-color-scheme: dark) { .paper, .paper > table { background: #1b2027 !important; } "
    ".ink, .ink div, .ink p, .ink li, .ink h1 { color: #e6e9ec !important; } "
    "body, .outer { background: #12161b !important; } .quiet, .quiet div, .quiet a { color: #9aa5b1 !important; } }"
    "</mj-style>"
)


@dataclass(frozen=True, slots=True)
class Brand:
    """Who an e-mail comes from: name, colour (#rrggbb), the address of a logo or "", the language, and whether it is in
    a reader's hands: then the footer stands under it."""

    name: str
    color: str
    logo: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Parts, with fields still to be filled."""

    html: list[Part]
    text: list[Part]


def brand(workspace: Workspace, logo: str = "") -> Brand:
    color = workspace.color if _COLOR.fullmatch(workspace.color) else "#10414d"
    return Brand(workspace.name, color, logo, workspace.language)


def draw(
    blocks: list[Block], brand: Brand, names: Collection[str], *, preheader: str = "", picture: Where = str
) -> Drawn:
    """The whole e-mail, with its footer and the links that end it."""
    pen = _Pen(brand, names, picture)
    body = pen.sections(blocks)
    source = (
        f'<mjml lang="{html.escape(brand.language)}"><mj-head><mj-title>{pen.plain(brand.name)}</mj-title>'
        f"<mj-preview>{pen.line(preheader)}</mj-preview>{_NIGHT}"
        f'<mj-attributes><mj-all font-family="{_FONT}"/>'
        f'<mj-text font-size="16px" line-height="1.55" color="{_INK}" padding="8px 24px" css-class="ink"/>'
        f"</mj-attributes></mj-head>"
        f'<mj-body width="600px" background-color="{_PAPER}" css-class="outer">'
        f"{pen.head()}{body}{pen.foot()}</mj-body></mjml>"
    )
    made = mrml.to_html(source, render_options=_NO_FONTS).content
    return Drawn(pen.held.split(made), mail_merge.joined([*_told(blocks, names), *_foot()]))


class _Pen:
    """Draws blocks as MJML; `held` are the fields that its marks stand for."""

    def __init__(self, brand: Brand, names: Collection[str], picture: Where) -> None:
        self.brand, self.names, self.picture = brand, names, picture
        self.held = mail_merge.Held()

    def plain(self, text: str) -> str:
        return html.escape(text)

    def line(self, text: str) -> str:
        """Typed text with its fields as marks, escaped."""
        return html.escape(self.held.hold(mail_merge.parse(text, self.names)))

    def rich(self, text: str) -> str:
        return str(_markdown.render(self.held.hold(mail_merge.parse(text, self.names))))

    def head(self) -> str:
        logo = (
            f'<mj-image src="{self.plain(self.brand.logo)}" alt="{self.plain(self.brand.name)}" width="160px"'
            f' align="left" padding="20px 24px 4px"/>'
            if self.brand.logo
            else f'<mj-text font-size="18px" font-weight="600" padding="20px 24px 4px">'
            f"{self.plain(self.brand.name)}</mj-text>"
        )
        return self._section(f"<mj-column>{logo}</mj-column>", f' border-top="4px solid {self.brand.color}"')

    def foot(self) -> str:
        quiet = f'font-size="13px" color="{_QUIET}"'
        stop, see = self._link("links.unsubscribe"), self._link("links.archive")
        stopping, seeing = html.escape(_("Stop these e-mails")), html.escape(_("See it in a browser"))
        office = self.line("{{ workspace.name }}") + "<br/>" + self.line("{{ workspace.address }}")
        return (
            f'<mj-section padding="16px 0 32px"><mj-column><mj-text {quiet} css-class="quiet">{office}</mj-text>'
            f'<mj-text {quiet} css-class="quiet"><a href="{stop}" style="color:{_QUIET}">{stopping}</a>'
            f' &#183; <a href="{see}" style="color:{_QUIET}">{seeing}</a></mj-text>'
            f"</mj-column></mj-section>"
        )

    def sections(self, blocks: list[Block]) -> str:
        made = []
        for one in blocks:
            if one["kind"] == "columns":
                columns = "".join(f"<mj-column>{self._column(column)}</mj-column>" for column in one["columns"])
                made.append(self._section(columns))
            else:
                made.append(self._section(f"<mj-column>{self._block(one)}</mj-column>"))
        return "".join(made)

    def _section(self, columns: str, more: str = "") -> str:
        return f'<mj-section background-color="#ffffff" padding="0" css-class="paper"{more}>{columns}</mj-section>'

    def _link(self, name: str) -> str:
        return self.held.hold([{"field": name}])

    def _column(self, blocks: list[Block]) -> str:
        return "".join(self._block(one) for one in blocks)

    def _block(self, one: Block) -> str:
        draw: Callable[[Block], str] = getattr(self, f"_{one['kind']}")
        return draw(one)

    def _heading(self, one: Block) -> str:
        return (
            f'<mj-text font-size="24px" line-height="1.25" font-weight="600" padding="16px 24px 4px">'
            f'<h1 style="margin:0;font-size:24px;line-height:1.25">{self.line(one["text"])}</h1></mj-text>'
        )

    def _text(self, one: Block) -> str:
        return f"<mj-text>{self.rich(one['text'])}</mj-text>"

    def _button(self, one: Block) -> str:
        return (
            f'<mj-button href="{self.plain(one["url"])}" background-color="{self.brand.color}" color="#ffffff"'
            f' font-size="16px" font-weight="600" border-radius="6px" inner-padding="12px 22px" align="left"'
            f' padding="12px 24px">{self.line(one["label"])}</mj-button>'
        )

    def _image(self, one: Block) -> str:
        if one["picture"] is None:
            return ""
        link = f' href="{self.plain(one["url"])}"' if one["url"] else ""
        return (
            f'<mj-image src="{self.plain(self.picture(one["picture"]))}" alt="{self.line(one["alt"])}"{link}'
            f' padding="8px 24px" border-radius="6px"/>'
        )

    def _listing(self, one: Block) -> str:
        lines = [f'<strong style="font-size:18px">{self.line(one["title"])}</strong>']
        lines += [self.line(one[name]) for name in ("address", "facts") if one[name]]
        lines += [f"<strong>{self.line(one['price'])}</strong>"] if one["price"] else []
        button = self._button({"url": one["url"], "label": _("See this home")}) if one["url"] else ""
        return self._image(one) + f"<mj-text>{'<br/>'.join(lines)}</mj-text>" + button

    def _divider(self, _one: Block) -> str:
        return '<mj-divider border-width="1px" border-color="#d9dde2" padding="12px 24px"/>'

    def _signature(self, _one: Block) -> str:
        name, phone = self.line("{{ sender.name }}"), self.line("{{ sender.phone }}")
        return f"<mj-text><strong>{name}</strong><br/>{self.line('{{ workspace.name }}')}<br/>{phone}</mj-text>"


def _told(blocks: list[Block], names: Collection[str]) -> list[Part]:
    """The plain text: what a reader without pictures and colours is told, in the same order."""
    parts: list[Part] = []
    for one in blocks:
        if one["kind"] == "columns":
            for column in one["columns"]:
                parts += _told(column, names)
            continue
        for line in _lines(one, names):
            parts += [*line, "\n"]
        parts.append("\n")
    return parts


def _lines(one: Block, names: Collection[str]) -> list[list[Part]]:
    def told(*members: str) -> list[list[Part]]:
        return [mail_merge.parse(one[name], names) for name in members if one[name]]

    kind, url = one["kind"], [[one["url"]]] if one.get("url") else []
    if kind == "heading":
        return told("text")
    if kind == "text":
        return [_unmarked(mail_merge.parse(one["text"], names))]
    if kind == "button":
        return [*told("label"), *url] if url else []
    if kind == "image":
        return [*told("alt"), *url] if one["picture"] is not None else []
    if kind == "listing":
        return [*told("title", "address", "facts", "price"), *url]
    if kind == "signature":
        return [[{"field": name}] for name in ("sender.name", "workspace.name", "sender.phone")]
    return [["---"]]


_BOLD = re.compile(r"(\*\*|__|\*|_)(?=\S)(.+?)(?<=\S)\1")
_NAMED = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")


def _unmarked(parts: mail_merge.Parts) -> list[Part]:
    """Text without the signs of Markdown; its fields stand as marks meanwhile, as their names may hold such signs."""
    held = mail_merge.Held()
    return held.split(_NAMED.sub(r"\1 (\2)", _BOLD.sub(r"\2", held.hold(parts))))


def _foot() -> list[Part]:
    before, _url, after = _("To stop these e-mails: {url}", url="\n").partition("\n")
    return [
        "-- \n", {"field": "workspace.name"}, "\n", {"field": "workspace.address"}, "\n",
        before, {"field": "links.unsubscribe"}, after, "\n",
    ]  # fmt: skip
