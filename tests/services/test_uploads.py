"""What people send is taken for what it is; what is dressed up as something else is refused with a way out."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from PIL import Image

from app.services import uploads
from app.services.upload_archives import EICAR
from app.services.uploads import Upload, UploadRefused, content_disposition, safe_name

PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>'
MAIN = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}


def inspect(content: bytes, name: str, **more: frozenset[str]) -> Upload:
    return uploads.inspect(io.BytesIO(content), name, **more)


def picture(kind: str, *, size: tuple[int, int] = (40, 20), **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("P" if kind == "GIF" else "RGB").save(out, kind, **options)
    return out.getvalue()


def office(kind: str, extra: Mapping[str, bytes | str] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": TYPES, MAIN[kind]: "<x/>", **(extra or {})}.items():
            archive.writestr(name, content)
    return out.getvalue()


GOOD = [
    (PDF, "offer.pdf", "pdf", "application/pdf"),
    (office("docx"), "Letter.DOCX", "docx", uploads.KINDS["docx"].mime),
    (office("xlsx"), "list.xlsx", "xlsx", uploads.KINDS["xlsx"].mime),
    (office("pptx"), "tour.pptx", "pptx", uploads.KINDS["pptx"].mime),
    (b"Name,E-mail\r\nSam,sam@example.com\r\n", "contacts.csv", "csv", "text/csv"),
    ("\ufeffName;Ort\r\nJörg;Köln\r\n".encode(), "kontakte.csv", "csv", "text/csv"),
    ("Имя\tГород\r\nИван\tМосква\r\n".encode("utf-16"), "contacts.csv", "csv", "text/csv"),
    ("caf\xe9".encode("cp1252"), "note.txt", "txt", "text/plain"),
    (b"if a < b then <3", "note.txt", "txt", "text/plain"),
    (b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Sam\r\nEND:VCARD\r\n", "sam.vcf", "vcf", "text/vcard"),
    (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "open-house.ics", "ics", "text/calendar"),
    (b"From: sam@example.com\r\nSubject: Hi\r\n\r\n<p>Hi</p>", "mail.eml", "eml", "message/rfc822"),
]


@pytest.mark.parametrize(("content", "name", "kind", "mime"), GOOD)
def test_a_plain_file_is_kept_as_it_is(content: bytes, name: str, kind: str, mime: str) -> None:
    stream = io.BytesIO(content)
    upload = uploads.inspect(stream, name)
    assert (upload.kind, upload.mime, upload.safe_name, upload.content) == (kind, mime, name, None)
    assert (upload.size, upload.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert upload.flags == ()
    assert upload.source(stream).read() == content


def test_a_workbook_of_our_own_is_taken() -> None:
    file = io.BytesIO()
    Workbook().save(file)
    assert uploads.inspect(file, "book.xlsx").kind == "xlsx"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_is_made_anew_and_carries_nothing_else(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x9003] = "Camera of Sam", "2026:01:01"
    exif.get_ifd(0x8825)[2] = (37.0, 46.0, 30.0)
    options = {"comment": b"Camera of Sam"} if kind == "GIF" else {"exif": exif}
    hidden = picture(kind, **options) + b"<script>alert(1)</script>PK\x05\x06"
    assert b"Camera of Sam" in hidden
    name = f"house.{kind.lower()}"
    upload = inspect(hidden, name)
    assert upload.content is not None
    for trace in (b"Camera", b"script", b"PK\x05", b"Exif"):
        assert trace not in upload.content
    with Image.open(io.BytesIO(upload.content)) as image:
        assert (image.format, image.size, dict(image.getexif())) == (kind, (40, 20), {})
    assert (upload.size, upload.sha256) == (len(upload.content), hashlib.sha256(upload.content).hexdigest())


def test_a_picture_is_turned_the_way_the_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upload = inspect(picture("JPEG", exif=exif), "tall.jpg")
    with Image.open(io.BytesIO(upload.content or b"")) as image:
        assert image.size == (20, 40)


def test_an_animation_stays_one() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=120, loop=0)
    upload = inspect(out.getvalue(), "spin.gif")
    with Image.open(io.BytesIO(upload.content or b"")) as image:
        assert (image.n_frames, image.info["duration"]) == (3, 120)


def test_a_photo_in_the_phones_own_form_is_refused_with_a_way_out() -> None:
    with pytest.raises(UploadRefused, match="Share the photo as JPEG"):
        inspect(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 64, "IMG_0001.HEIC")


def test_a_picture_bomb_is_refused_before_it_is_decoded() -> None:
    out = io.BytesIO()
    Image.new("1", (19_000, 19_000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(UploadRefused, match="million pixels"):
        inspect(out.getvalue(), "big.png")
    with pytest.raises(UploadRefused, match="damaged"):
        inspect(picture("PNG")[:60], "half.png")


def bomb() -> bytes:
    return office("xlsx", {"xl/worksheets/sheet1.xml": bytes(40 * 1024 * 1024)})


def repeated() -> bytes:
    out = io.BytesIO(office("docx"))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(MAIN["docx"], "<other/>")
    return out.getvalue()


def locked() -> bytes:
    content = bytearray(office("docx"))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


REFUSED = {
    "empty": (b"", "a.pdf", "empty"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "logo.svg", "SVG"),
    "svg after a prologue": (b'<?xml version="1.0"?><!-- x --><!DOCTYPE svg><svg onload="x()">', "logo.png", "SVG"),
    "html": (b"<!DOCTYPE html><script>alert(1)</script>", "page.html", "Web pages"),
    "html named txt": (b" \n\t<HTML><body>", "note.txt", "Web pages"),
    "html in utf-16": ("<script>alert(1)</script>".encode("utf-16"), "note.txt", "Web pages"),
    "html with a mark": (b"\xef\xbb\xbf<script>x</script>", "a.csv", "Web pages"),
    "shell": (b"#!/bin/sh\nrm -rf ~\n", "run.txt", "scripts"),
    "php": (b"<?php system($_GET[0]);", "image.txt", "scripts"),
    "mhtml": (b"MIME-Version: 1.0; Content-Type: multipart/related", "a.eml", "Web pages"),
    "program": (b"MZ\x90\x00" + bytes(200), "setup.exe", "not taken|not known"),
    "program named pdf": (b"MZ\x90\x00" + bytes(200), "offer.pdf", "not taken|not known"),
    "elf named txt": (b"\x7fELF\x02\x01\x01" + bytes(200), "note.txt", "not taken|not known"),
    "picture named pdf": (picture("PNG"), "offer.pdf", "the content is PNG"),
    "pdf named jpg": (PDF, "house.jpg", "the content is PDF"),
    "pdf named exe": (PDF, "offer.pdf.exe", "the content is PDF"),
    "pdf with a zip behind it": (PDF + office("docx"), "offer.pdf", "second file"),
    "pdf with a page behind it": (PDF + b"<html>", "offer.pdf", "second file"),
    "pdf with a page in front": (b"%PDF-1.4\n<script >alert(1)</script>\n%%EOF", "offer.pdf", "second file"),
    "pdf not at the start": (b"junk" + PDF, "offer.pdf", "not taken|not known"),
    "pdf cut off": (PDF[:40], "offer.pdf", "cut off"),
    "zip": (office("docx").replace(b"word/document.xml", b"word/xocument.xml"), "files.zip", "Zip archives"),
    "zip bomb": (bomb(), "list.xlsx", "far too large"),
    "zip of too many": (office("docx", {f"word/{n}": "" for n in range(5001)}), "a.docx", "far too large"),
    "zip that climbs": (office("docx", {"../../etc/cron.d/x": "x"}), "a.docx", "must not have"),
    "zip with an absolute path": (office("docx", {"/etc/passwd": "x"}), "a.docx", "must not have"),
    "zip with a program": (office("docx", {"word/run.exe": "MZ"}), "a.docx", "must not have"),
    "zip with two of a name": (repeated(), "a.docx", "same name"),
    "zip with a password": (locked(), "a.docx", "password"),
    "zip with a page behind it": (office("docx") + b"<html>", "a.docx", "second file"),
    "zip with a program in front": (b"MZ\x90\x00" + office("docx"), "a.docx", "not taken|not known"),
    "zip damaged": (office("docx")[:-30], "a.docx", "damaged"),
    "old office": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old.doc", "Old or password"),
    "eicar": (EICAR, "note.txt", "virus test"),
    "eicar in the middle": (b"x" * 300_000 + EICAR + b"x" * 9, "note.txt", "virus test"),
    "eicar across chunks": (b"x" * (256 * 1024 - 30) + EICAR, "note.txt", "virus test"),
    "eicar packed": (office("docx", {"word/media/a.txt": EICAR}), "a.docx", "virus test"),
    "not a card": (b"Name: Sam", "sam.vcf", "vCard"),
    "not a calendar": (b"tomorrow at noon", "a.ics", "calendar"),
    "not a mail": (b"dear Sam,", "a.eml", "e-mail"),
    "binary named csv": (b"a,b\n" + bytes(range(9)), "a.csv", "not taken|not known"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_a_sentence_that_helps(case: str) -> None:
    content, name, sentence = REFUSED[case]
    with pytest.raises(UploadRefused, match=sentence) as refusal:
        inspect(content, name)
    assert re.fullmatch(r"[A-Z].{20,300}\.", str(refusal.value), re.DOTALL)
    assert "  " not in str(refusal.value)


def test_what_a_person_should_know_is_flagged() -> None:
    assert inspect(office("docx", {"word/vbaProject.bin": b"x"}), "a.docx").flags == ("macros",)
    assert inspect(office("docx", {"word/embeddings/o.bin": b"x"}), "a.docx").flags == ("embedded objects",)
    assert inspect(PDF.replace(b"/Catalog", b"/Catalog /OpenAction << /JavaScript (x) >>"), "a.pdf").flags == (
        "active content",
    )


def test_each_place_takes_its_own_kinds_and_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UploadRefused, match=r"PDF files are not taken here\. Add one of these: GIF, JPEG"):
        inspect(PDF, "offer.pdf", allow=uploads.IMAGES)
    small = uploads.Kind("txt", "text", "text/plain", (".txt",), 1024 * 1024)
    monkeypatch.setitem(uploads.KINDS, "txt", small)
    assert inspect(b"x" * small.cap, "a.txt").size == small.cap
    with pytest.raises(UploadRefused, match="larger than 1 MB"):
        inspect(b"x" * (small.cap + 1), "a.txt")
    with pytest.raises(UploadRefused, match="larger than 1 MB"):
        inspect(b"x" * (small.cap + 1), "a.txt", allow=frozenset({"txt"}))


@given(
    st.binary(max_size=400),
    st.sampled_from(["", *(suffix for kind in uploads.KINDS.values() for suffix in kind.suffixes)]),
)
def test_any_bytes_are_taken_or_refused_and_nothing_else(content: bytes, suffix: str) -> None:
    try:
        upload = inspect(content, f"file{suffix}")
    except UploadRefused as refusal:
        assert str(refusal).endswith(".")
    else:
        assert upload.kind in uploads.ALL


@pytest.mark.parametrize(
    ("given_name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\sam\\offer.pdf", "offer.pdf"),
        ("offer\r\nSet-Cookie: a=b.pdf", "offerSet-Cookie_ a=b.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("Grundriß  Küche.pdf", "Grundriß Küche.pdf"),
        ("con.txt", "_con.txt"),
        ("...", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ('a"b<c>|d?.pdf', "a_b_c__d_.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_names_are_cleaned(given_name: str, clean: str) -> None:
    assert safe_name(given_name) == clean


@given(st.text(max_size=300))
def test_no_name_breaks_out_of_a_folder_or_a_header(name: str) -> None:
    clean = safe_name(name)
    assert 0 < len(clean) <= 150
    assert not re.search(r'[/\\"\x00-\x1f\x7f]', clean)
    assert clean not in {".", ".."}
    assert safe_name(clean) == clean
    header = content_disposition(name)
    assert re.fullmatch(
        r"attachment; filename=\"[^\"\\%\x00-\x1f\x7f-\U0010ffff]+\"; filename\*=UTF-8''[\w!#$&+.^`|~%-]+",
        header,
        re.ASCII,
    )


def test_the_true_name_reaches_every_client() -> None:
    header = content_disposition("Küche 50%.pdf")
    assert header == "attachment; filename=\"Kuche 50_.pdf\"; filename*=UTF-8''K%C3%BCche%2050%25.pdf"
    assert content_disposition("a.pdf", inline=True).startswith("inline; ")
