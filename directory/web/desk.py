"""The maintainers' desk: what each source did, what needs a person, accept and undo."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, text

from directory import db, edits, history, quarantine, reports
from directory.config import ROOT, environment
from directory.errors import UsageError
from directory.fetch import shown
from directory.sources import due, read_sources
from directory.web import pictures, state
from directory.web.security import account, is_maintainer, maintainers_only

desk = Blueprint("desk", __name__, url_prefix="/maintain")
desk.before_request(maintainers_only)

GOOD_RUNS = 30
"""Good runs of a source that its line shows."""
ROWS = 50
"""Rejected and repaired rows each that a page shows."""
_FILTERS = ("code", "find", "action", "show")
PATIENCE_SECONDS = 10
"""How long a page waits for a command; it goes on if it takes longer."""


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection that sees what a button has just done, which a replica may not yet."""
    with db.writer(state().config).connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'"))
        yield connection


@desk.app_context_processor
def _for_maintainers() -> dict[str, Any]:
    return {"maintainer": is_maintainer}


@desk.context_processor
def _everywhere() -> dict[str, Any]:
    return {"account": account(), "samples": False, "sparkline": pictures.sparkline, "shown": shown}


@desk.get("")
def sources() -> str:
    """All sources: what is shown of each, since when, and which need somebody."""
    wrong, late = None, set()
    with reading() as connection:
        try:
            late = set(due(connection, read_sources(state().config.sources)))
        except UsageError as error:
            wrong = error.message
        newest = history.newest(connection)
        rows = [
            {**row, "newest": newest.get(row["id"]), "due": row["id"] in late}
            for row in history.sources(connection)
        ]
        lines = history.live_rows(connection, GOOD_RUNS)
        reported, astray = reports.number_waiting(connection), len(edits.astray(connection))
    needy = [row for row in rows if _needs_somebody(row["newest"])]
    return render_template(
        "desk_sources.html",
        sources=rows,
        lines=lines,
        needy=needy,
        reported=reported,
        astray=astray,
        wrong=wrong,
        unread=sorted(late - {row["id"] for row in rows}),
        now=datetime.now(UTC),
    )


def _needs_somebody(run: dict[str, Any] | None) -> bool:
    return run is not None and run["status"] in ("refused", "failed")


@desk.get("/sources/<source>")
def source(source: str) -> str:
    """The runs of one source, the newest first."""
    with reading() as connection:
        found = _source(connection, source)
        runs = history.runs(connection, source)
        line = history.live_rows(connection, GOOD_RUNS).get(source, [])
    return render_template("desk_source.html", source=found, runs=runs, live=line)


def _source(connection: Connection, name: str) -> dict[str, Any]:
    found = history.sources(connection, name.replace("\0", ""))
    return found[0] if found else abort(404)


@desk.get("/runs/<int:number>")
def run(number: int) -> str:
    """One run: counts, what the guard said, what it changed, and what it rejected."""
    # PostgreSQL's texts cannot hold NUL.
    code, words, action, show = (request.args.get(n, "").replace("\0", "") for n in _FILTERS)
    with reading() as connection:
        found = _run(connection, number)
        asked = (code, words, ROWS)
        values = {
            "actions": history.actions(connection, number),
            "changed": history.changed(connection, found["source"], number, action),
            "rejected": quarantine.rejected(connection, number, *asked),
            # To look through all listings takes a while where there are many.
            "repaired": quarantine.repaired(connection, found["source"], *asked)
            if show == "repaired"
            else None,
            "undoable": history.undoable(connection, found["source"]) == number,
            "acceptable": history.acceptable(connection, number),
        }
    counts = found["counts"]
    return render_template(
        "desk_run.html",
        run=found,
        code=code,
        words=words,
        action=action,
        show=show,
        rows=ROWS,
        most=history.SHOWN,
        codes=sorted((counts.get("reasons", {}) | counts.get("repairs", {})).items()),
        **values,
    )


def _run(connection: Connection, number: int) -> dict[str, Any]:
    return (history.run(connection, number) if number < 2**63 else None) or abort(404)


@desk.post("/runs/<int:number>/accept")
def accept(number: int) -> ResponseReturnValue:
    """Import the source again as it was, and do what this run was refused; no other thing."""
    with reading() as connection:
        arguments = history.again(connection, _run(connection, number)["source"])
    said = _command("import", f"--accept={number}", *arguments)
    return _back(number, said or "This is at work. Load the page again to see what came of it.")


@desk.post("/runs/<int:number>/undo")
def undo(number: int) -> ResponseReturnValue:
    """Put the run back."""
    said = _command("undo", str(number))
    return _back(number, said or "This is at work. Load the page again to see what came of it.")


def _back(number: int, said: str) -> ResponseReturnValue:
    """To the newest run of the same source, which is what came of it."""
    flash(said)
    with reading() as connection:
        source = _run(connection, number)["source"]
        newest = history.newest(connection)[source]["id"]
    return redirect(url_for("desk.run", number=newest), 303)


def _command(*arguments: str) -> str | None:
    """Run ``directory …`` as a process of its own, which outlives this request and server.

    What it said, or None where it is still at work after a while.
    """
    with tempfile.TemporaryFile() as said:
        started = subprocess.Popen(  # noqa: S603 - our own program, and no shell
            [sys.executable, "-m", "directory.cli", *arguments],
            cwd=ROOT,
            env=dict(os.environ) | environment(state().config),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            started.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            Thread(target=started.wait, daemon=True).start()  # so that it leaves no zombie
            return None
        said.seek(0)
        return said.read(4_000).decode(errors="replace").strip()
