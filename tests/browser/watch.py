"""A page that is watched: whatever a browser complains about fails the test that opened it.

Complaints: errors of scripts and on the console, violations of the content security policy, requests to other hosts,
answers of 500 and above, and parts of a page (scripts, styles, pictures) that did not come.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response

_TELL = (
    "addEventListener('securitypolicyviolation', e => "
    "console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`))"
)
# The browser's own line for any answer of 400 and above; `_answered` judges the answers themselves.
_STATUS_LINE = "Failed to load resource: the server responded with a status of"


class Watch:
    """Collects the complaints of every page of a context."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.host = urlsplit(base).netloc
        self.complaints: list[str] = []
        context.add_init_script(_TELL)
        context.on("page", self._page)
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _page(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"script error on {page.url}: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_STATUS_LINE):
            self.complaints.append(f"console of {message.location.get('url')}: {message.text}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self.host:
            self.complaints.append(f"asked another host: {request.url}")

    def _answered(self, response: Response) -> None:
        page = response.request.resource_type in ("document", "fetch", "xhr")
        if response.status >= 500 or (response.status >= 400 and not page):
            self.complaints.append(f"{response.status} {response.request.method} {response.url}")
