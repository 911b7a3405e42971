"""Where the `flask` command and WSGI servers find the application."""

from app.factory import create_app

__all__ = ["create_app"]
