"""A bounce report with more fields than any server writes is read to an end, and what comes first still counts."""

from __future__ import annotations

from app.services.inbound import reading

_REPORT = """\
From: postmaster@mail.example
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; anna@clients.example
Status: 5.1.1
{more}

--b--
"""


def _recipient(count: int) -> reading.Fields:
    more = "\n".join(f"X-More-{number}: {number}" for number in range(count))
    mail = reading.read(_REPORT.format(more=more).encode())
    return mail.reports["message/delivery-status"][1]


def test_a_report_of_usual_length_is_read_whole() -> None:
    assert len(_recipient(20)) == 22


def test_fields_beyond_the_limit_are_left_and_the_first_ones_still_tell_who_and_why() -> None:
    fields = _recipient(5000)
    assert len(fields) == 200
    assert fields["final-recipient"] == "rfc822; anna@clients.example"
    assert fields["status"] == "5.1.1"
    assert "x-more-197" in fields and "x-more-198" not in fields
