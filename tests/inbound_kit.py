"""Mails as others send them, for the tests of incoming mail."""

from __future__ import annotations

import uuid

DOMAIN = "in.crm.example.com"


def answer(text: str, **headers: str) -> bytes:
    """What a person writes with a mail program; headers as given win."""
    given = {
        "From": "Sam Rivers <sam@x.com>",
        "To": f"desk@{DOMAIN}",
        "Subject": "Re: Two homes",
        "Date": "Fri, 27 Nov 2026 09:00:00 +0000",
        "Message-ID": f"<{uuid.uuid4().hex}@x.com>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    } | headers
    return _lines([f"{name}: {value}" for name, value in given.items()], text)


def bounce(status: str, words: str, *, action: str = "failed", original: str = "", text: str = "") -> bytes:
    """A delivery report in the form of RFC 3464, as Postfix makes it."""
    back = f"Message-ID: {original}\n" if original else ""
    return f"""From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: bounce@{DOMAIN}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{uuid.uuid4().hex}@mx.example.net>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered. {text}

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Fri, 27 Nov 2026 09:00:00 +0000

Final-Recipient: rfc822; sam@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--B
Content-Type: text/rfc822-headers

From: crm@example.com
{back}Subject: Two homes

--B--
""".replace("\n", "\r\n").encode()


def arf(message_id: str) -> bytes:
    """A complaint in the form of RFC 5965."""
    return f"""From: fbl@provider.example.net
To: abuse@{DOMAIN}
Subject: FW: Two homes
Message-ID: <{uuid.uuid4().hex}@provider.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="A"

--A
Content-Type: text/plain

This is an email abuse report.

--A
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1

--A
Content-Type: message/rfc822

From: crm@example.com
To: redacted@example.org
Message-ID: {message_id}
Subject: Two homes

Hi
--A--
""".replace("\n", "\r\n").encode()


def _lines(head: list[str], text: str) -> bytes:
    return ("\r\n".join(head) + "\r\n\r\n" + text.replace("\n", "\r\n")).encode()
