"""How answers travel: files that browsers may keep for good, and text in as few bytes as it takes.

Someone on a slow line waits half a second for each answer that was not needed, and a second for
each 50 kB. This does what a proxy in front would, so that nobody needs one."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, url_for
from markupsafe import Markup

_TEXT = frozenset(
    {"text/html", "text/css", "text/csv", "text/javascript", "image/svg+xml"}
    | {"application/json", "application/geo+json", "application/problem+json"}
)
# Less is one packet either way. Higher levels cost more time than they save on the line.
_SMALLEST, _LEVEL = 1400, 4
_YEAR_S = 365 * 24 * 60 * 60


def install(app: Flask) -> None:
    """Let ``app`` send its files and texts so, and its templates show icons."""
    folder = Path(app.static_folder or "")
    versions = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in folder.rglob("*")
        if path.is_file()
    }

    def name_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and values.get("filename") in versions:
            values.setdefault("v", versions[values["filename"]])

    def keep_for_good(response: Response) -> Response:
        """The address of such a file changes with what is in it."""
        named = (request.view_args or {}).get("filename", "")
        version = versions.get(named) if request.endpoint == "static" else None
        if version and version == request.args.get("v"):
            response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        return response

    @cache
    def icon(name: str) -> Markup:
        """An inline picture of the sprite, for templates: a page has a hundred."""
        sprite = url_for("static", filename="icons.svg")
        return Markup(  # noqa: S704 - names are ours
            '<svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" '
            f'focusable="false"><use href="{sprite}#{name}"/></svg>'
        )

    app.jinja_env.globals["icon"] = icon
    app.url_defaults(name_version)
    app.after_request(_press)
    app.after_request(keep_for_good)


def _press(response: Response) -> Response:
    """Text is gzipped for whoever takes it. Never for who is signed in: the length of a page that
    repeats what others made it say tells them of the token in it."""
    if response.mimetype not in _TEXT or "desk" in request.cookies:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code == 304 or request.accept_encodings["gzip"] <= 0:
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) >= _SMALLEST:
        response.set_data(gzip.compress(body, _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag:  # of the file, whose bytes these are not
            response.set_etag(etag, weak=True)
    return response
