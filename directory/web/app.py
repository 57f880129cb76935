"""The web application: state, blueprints, headers, and errors formatted at the edge."""

import gc
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException

from directory import cluster, db, metrics
from directory.config import ROOT, Config, load_config
from directory.demand import Tens
from directory.errors import UsageError
from directory.pocket import open_pocket
from directory.web import (  # noqa: F401 - the pages of two are the site's
    State,
    confirm,
    delivery,
    guides,
    language,
    report,
    security,
    state,
)
from directory.web.api import api, json_response, problem
from directory.web.coverage import pages as coverage
from directory.web.demand import pages as demand
from directory.web.desk import desk
from directory.web.editor import editor
from directory.web.language import gettext
from directory.web.pairs import pairs
from directory.web.site import error_page, everywhere, site
from directory.web.tiles import Archive

# Everything a page needs comes from its own address; nothing tells other sites where from.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
}
_DAY_S = 24 * 60 * 60
_QUERY_CANCELED = "57014"


class _Site(Flask):
    jinja_environment = language.Spoken

    def log_exception(
        self,
        exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None],
    ) -> None:
        """Where our code went wrong, and on what kind of page. Not the address, and not the text of
        the error: both may quote what somebody asked."""
        lines, error = [], exc_info[1]
        while error is not None:
            lines += [f"{type(error).__module__}.{type(error).__qualname__}\n"]
            lines += traceback.format_tb(error.__traceback__)
            error = error.__cause__ or error.__context__
        self.logger.error("%s %s\n%s", request.method, request.url_rule, "".join(lines))


def create_app(config: Config | None = None) -> Flask:
    """The web application. It keeps no state of its own but a pool of connections."""
    config = config or load_config()
    if config.database_url is None:
        cluster.start(config)
    static = str(ROOT / "directory" / "static")
    app = _Site(__name__, template_folder=str(ROOT / "templates"), static_folder=static)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    open_pocket(config, warm=True)
    language.install(app)
    translated = language.languages()[1:]
    for code in language.languages():
        guides.guides(code)  # a broken one is found now, and not by a reader
    tiles = config.map_tiles
    archive = Archive(Path(tiles)) if tiles.endswith(".pmtiles") else None
    tens = Tens(db.writer(config)) if config.count_searches else None
    app.extensions["directory"] = State(config, db.reader(config), archive, tens)
    app.context_processor(everywhere)
    app.register_blueprint(site)
    prefix = f"/<any({', '.join(map(repr, translated))}):language>"
    app.register_blueprint(site, url_prefix=prefix, name="translated")
    app.register_blueprint(api)
    security.install(app, config)
    app.register_blueprint(desk)
    app.register_blueprint(pairs)
    app.register_blueprint(editor)
    app.register_blueprint(coverage)
    app.register_blueprint(demand)
    app.add_url_rule("/healthz", view_func=health)
    app.add_url_rule("/metrics", view_func=figures)
    app.add_url_rule("/tiles/<int:z>/<int:x>/<int:y>", view_func=tile)
    app.register_error_handler(UsageError, _usage)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    delivery.install(app)  # what is sent is what comes out of all the others
    app.after_request(_headers)
    # What was made so far stays: to look through it for garbage again and again takes a tenth of
    # the time of a page.
    gc.freeze()
    return app


def health() -> Response:
    """200 only when search works."""
    with state().reader.connect() as connection:
        connection.execute(text("SELECT FROM listing WHERE listed LIMIT 1"))
    return json_response({"status": "ok", "degraded": []})


def figures() -> Response:
    """The figures of ``directory.metrics``; also, in short, where the database is away."""
    shared = state()
    found = metrics.exposition(shared.reader, shared.config, datetime.now(UTC))
    return Response(found, content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def tile(z: int, x: int, y: int) -> Response:
    """A picture of the map, where the operator has a file of them."""
    archive = state().archive
    picture = archive.tile(z, x, y) if archive else None
    if archive is None or picture is None:
        return Response(status=404)
    kept = {"Cache-Control": f"public, max-age={_DAY_S}"}
    return Response(picture, mimetype=archive.mimetype, headers=kept)


def _error(status: int, title: str, detail: str, parameter: str | None = None) -> Any:
    if request.path.startswith("/api/") or request.path == "/healthz":
        return problem(status, title, detail, parameter)
    return error_page(status, title, detail, parameter)


def _usage(error: UsageError) -> Any:
    return _error(
        400, gettext("Please check your search"), language.explained(error), error.parameter
    )


def _http(error: HTTPException) -> Any:
    if error.code is None or error.code < 400:
        return error
    return _error(error.code, error.name, error.description or error.name)


def _database(error: DBAPIError) -> Any:
    """The database is away, or a question took too long; anything else is our own fault."""
    if getattr(error.orig, "pgcode", None) == _QUERY_CANCELED:
        detail = gettext("This search took too long. Please add a place, or use fewer words.")
        return _error(503, gettext("The search took too long"), detail)
    if isinstance(error, OperationalError):
        detail = gettext(
            "The directory cannot be searched right now. Please try again in a minute."
        )
        return _error(503, gettext("Search is resting"), detail)
    raise error


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # Browsers keep some answers for good unless told: a listing that was gone may return.
    response.headers.setdefault("Cache-Control", "no-cache")
    if host := state().tile_host:
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "img-src 'self'", f"img-src 'self' {host}"
        )
    # A proxy's word is enough: over http, browsers ignore the header.
    if request.is_secure or request.headers.get("X-Forwarded-Proto") == "https":
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
