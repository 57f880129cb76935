"""Recovery Directory: a searchable directory of help for addiction."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """The web application with the settings of the environment, for a WSGI server.

    Loaded on call, so that importers and jobs do not load the web.
    """
    from directory.web.app import create_app as create

    return create()
