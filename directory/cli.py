"""The command line: ``directory …``. Exit codes are those of ``Exit``."""

import argparse
import getpass
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from directory import (
    accounts,
    backup,
    cluster,
    db,
    geocode,
    history,
    matching,
    pocket,
    positions,
    quarantine,
    seeds,
)
from directory.archive import keeping
from directory.asking import ask
from directory.config import Config, load_config
from directory.errors import UsageError
from directory.feed import FeedError
from directory.formats.json import place_document, search_document
from directory.generate import generate
from directory.guard import checked_limits
from directory.importing import importer
from directory.load import load
from directory.places import find_place
from directory.records import KINDS
from directory.repeats import Feed
from directory.runs import LockedError, Report, SourceSpec, reason
from directory.search import Page
from directory.sources import due, read_sources
from directory.undo import undo


class Exit(IntEnum):
    """What the exit codes mean."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    LOCKED = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are said on standard error with their remedy."""
    options = _parser().parse_args(arguments)
    try:
        config = load_config()
        return int(options.run(options, config))
    except FeedError as error:
        return _say(error.message, Exit.FAILED)
    except UsageError as error:
        return _say(error.message, Exit.USAGE)
    except LockedError as error:
        return _say(str(error), Exit.LOCKED)
    except DBAPIError as error:
        return _say(db.explained(error), Exit.FAILED)
    except BrokenPipeError:
        return Exit.DONE
    except KeyboardInterrupt:
        return _say("Stopped; nothing was changed.", Exit.FAILED)


def _say(message: str, code: Exit) -> int:
    print(f"directory: {message}", file=sys.stderr)
    return code


def _print(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))


def _started(config: Config) -> Config:
    """Make sure that the private cluster runs, where it is used."""
    if config.database_url is None:
        cluster.start(config)
    return config


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """A progress line on a terminal, plain lines otherwise; always on standard error."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what)
            yield lambda rows: bar.update(task, description=f"{what}: {rows:,} rows")
        return
    every = 50_000

    def report(rows: int) -> None:
        nonlocal every
        if rows >= every:
            print(f"{what}: {rows:,} rows", file=sys.stderr)
            every = rows + 50_000

    yield report


def _settings(pairs: Sequence[str], option: str = "--set") -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise UsageError(f"{option} takes KEY=VALUE, not {pair!r}.")
        settings[name] = value
    return settings


def _import(options: argparse.Namespace, config: Config) -> int:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", options.source):
        raise UsageError("--source takes a short name of a-z, 0-9 and hyphens.")
    source = SourceSpec(
        options.source,
        options.kind,
        options.location,
        options.title,
        options.licence,
        limits=_limits(options.limit),
        options=_settings(options.set),
        attribution=options.attribution,
        contact=options.contact,
    )
    with _progress(options.source) as progress:
        report = _run(
            source,
            _started(config),
            anew=options.anew or options.accept is not None,
            dry_run=options.dry_run,
            accept=options.accept,
            progress=progress,
        )
    if report.status in ("applied", "unchanged"):  # unchanged: the last refresh may have failed
        _refresh(config, quick=report.repeats is not None)
    if options.json:
        _print(report.document())
    else:
        print(_summary(report))
    return _exit(report)


def _run(source: SourceSpec, config: Config, anew: bool = False, **how: Any) -> Report:
    """Read the source's feed, keep it and load it; ``how`` is as for ``load``.

    anew: read the feed also where it is what was read last time.
    """
    read, settings, engine = importer(source.kind), dict(source.options), db.writer(config)
    if near := settings.get("near"):
        with engine.connect() as connection:
            place = find_place(connection, near, config.country)
        settings["near"] = f"{place.lat},{place.lon}"
    with keeping(config, source.id) as kept:
        feed = Feed(source, settings, kept, anew)
        rows = read(source.location, settings, kept.open)
        report = load(engine, source, rows, feed=feed, **how)
        kept.settle(report)
    return report


def _exit(report: Report) -> Exit:
    """Also a dry run says by its code that the import would be refused."""
    return Exit.REFUSED if report.verdict == "refused" else Exit.DONE


def _limits(pairs: Sequence[str]) -> dict[str, float] | None:
    """The guard's limits for the source; none given keeps what it has."""
    if not pairs:
        return None
    given: dict[str, Any] = {}
    for name, value in _settings(pairs, "--limit").items():
        try:
            given[name] = float(value)
        except ValueError:
            given[name] = value
    return checked_limits(given)


def _undo(options: argparse.Namespace, config: Config) -> int:
    undone = undo(db.writer(_started(config)), options.run_id)
    _refresh(config)
    if options.json:
        _print(undone.document())
    else:
        print(
            f"{undone.source}: run {undone.undoes} was undone (run {undone.run_id})\n"
            f"  {undone.removed:,} removed, {undone.restored:,} as they were before"
        )
    return Exit.DONE


def _refresh_due(options: argparse.Namespace, config: Config) -> int:
    sources = read_sources(config.sources)
    if unknown := [name for name in options.slugs if name not in sources]:
        raise UsageError(f"No source {unknown[0]} is configured; see data/sources.toml.")
    with db.writer(_started(config)).connect() as connection:
        names = options.slugs or due(connection, sources)
    worst, good, read = 0, False, False
    for name in names:
        code, document = _refresh_one(sources[name].spec, config)
        print(json.dumps(document) if options.json else f"{name}: {document['status']}")
        if document.get("message"):
            print(f"{name}: {document['message']}", file=sys.stderr)
        worst, good = max(worst, code), good or document["status"] in ("applied", "unchanged")
        read = read or document.get("repeats") is None
    if good:  # also where nothing changed: the last refresh may have failed
        _refresh(config, quick=not read)
    return worst


def _refresh_one(source: SourceSpec, config: Config) -> tuple[int, dict[str, Any]]:
    """Import one source; a failure is told, not raised, so that the others have their turn."""
    code, status = Exit.FAILED, "failed"
    try:
        report = _run(source, config)
        return _exit(report), report.document()
    except LockedError as error:
        code, status, message = Exit.LOCKED, "locked", str(error)
    except UsageError as error:
        code = Exit.FAILED if isinstance(error, FeedError) else Exit.USAGE
        message = error.message
    except Exception as error:
        message = reason(error)
    return code, {"source": source.id, "status": status, "message": message}


def _refresh(config: Config, quick: bool = False) -> None:
    """Bring the index of words and names up to date; what was imported counts without it."""
    try:
        pocket.refresh(db.writer(config), config, quick=quick)
    except Exception as error:
        message = f"The listings are in, but suggestions are still the old ones ({reason(error)})."
        print(f"directory: {message}\nThe next import tries again.", file=sys.stderr)


def _geocode(options: argparse.Namespace, config: Config) -> int:
    if options.most < 1:
        raise UsageError("--most takes a number from 1.")
    provider = geocode.provider(config)
    with _progress("asked") as progress:
        engine = db.writer(_started(config))
        asked = positions.ask(engine, provider, options.slugs, options.most, progress)
    if options.json:
        _print({"asked": asked.counts.total(), **asked.counts, "stopped": asked.stopped})
    else:
        counted = "".join(f", {count:,} {kind}" for kind, count in asked.counts.most_common())
        print(f"{asked.counts.total():,} addresses asked{counted}")
    if asked.stopped:
        return _say(asked.stopped, Exit.FAILED)
    return Exit.DONE


def _summary(report: Report) -> str:
    """A report as a few lines to read."""
    names = ("read", "added", "changed", "same", "rejected", "repaired", "vanished")
    counted = ", ".join(f"{getattr(report, name):,} {name}" for name in names)
    lines = [f"{report.source}: {report.status} (run {report.run_id}, {report.seconds:.1f} s)"]
    lines.append(f"  {counted}")
    for title, codes in (("rejected", report.reasons), ("repaired", report.repairs)):
        lines += [f"  {title} {code}: {count:,}" for code, count in codes.most_common()]
    if report.message:
        lines.append(f"  {report.message}")
    return "\n".join(lines)


def _search(options: argparse.Namespace, config: Config) -> int:
    now = datetime.now(UTC)
    values = {
        "q": [options.words] if options.words else [],
        "near": [options.near] if options.near else [],
        "radius": [options.radius],
        "unit": [options.unit],
        "sort": [options.sort],
        "kind": options.kind,
        "term": options.term,
        "page": [options.page],
        "per_page": [options.per_page],
    }
    with db.reader(_started(config)).connect() as connection:
        found = ask(connection, values, config, now)
    if options.json:
        links = {"self": None, "next": None, "previous": None}
        _print(search_document(found, now, links))
    else:
        if found.corrected or found.left_out:
            print(f"Nothing fits what you typed; these fit: {found.typed}")
        if said := found.few or found.unsaid:
            which = "Few of these are known for" if found.few else "None of these lists"
            print(f"{which} “{said.source}”; ask when you call.")
        print(_results(found.page, options.unit))
    return Exit.DONE


def _results(page: Page, unit: str) -> str:
    metres = 1000.0 if unit == "km" else 1609.344
    lines = [f"{page.total:,}{'' if page.total_is_exact else '+'} found"]
    for hit in page.hits:
        far = "" if hit.distance_m is None else f"{hit.distance_m / metres:.1f} {unit}  "
        listing = hit.listing
        phone = listing.phones[0]["number"] if listing.phones else "no phone"
        where = ", ".join(part for part in (listing.city, listing.region) if part)
        beyond = "  (outside the radius)" if hit.beyond else ""
        lines.append(f"{far}{listing.name}  ·  {where}  ·  {phone}{beyond}")
    if page.online_total:
        lines.append(f"{page.online_total:,} online or by phone:")
        lines += [f"  {hit.listing.name}" for hit in page.online]
    return "\n".join(lines)


def _place(options: argparse.Namespace, config: Config) -> int:
    with db.reader(_started(config)).connect() as connection:
        place = find_place(connection, options.name, config.country)
    if options.json:
        _print(place_document(place))
    else:
        print(f"{place.name}  {place.lat:.4f}, {place.lon:.4f}")
        for other in place.alternatives:
            print(f"  or {other.name}  {other.lat:.4f}, {other.lon:.4f}")
    return Exit.DONE


def _sources(options: argparse.Namespace, config: Config) -> int:
    with db.reader(_started(config)).connect() as connection:
        rows = history.sources(connection)
    if options.json:
        _print(rows)
    else:
        line = "{id}  {kind}  {listings} listings, seen {seen_on}  {title}"
        print("\n".join(line.format(**row) for row in rows) or "none yet")
    return Exit.DONE


def _runs(options: argparse.Namespace, config: Config) -> int:
    if options.rejects:
        return _rejects(options, config)
    if options.code or options.find:
        raise UsageError("--code and --find search what was rejected: add --rejects.")
    with db.reader(_started(config)).connect() as connection:
        rows = history.runs(connection, options.source)
    if options.json:
        _print(rows)
    else:
        print("\n".join(map(_run_line, rows)) or "none yet")
    return Exit.DONE


def _run_line(run: dict[str, Any]) -> str:
    """One run: what it is, what it counted, and what the guard said."""
    marks = [run["status"]]
    if run["verdict"] == "refused" and run["status"] == "dry-run":
        marks.append("would be refused")
    for name, mark in (("accepts", "accepts"), ("undoes", "of"), ("undone_by", "undone by")):
        if run[name]:
            marks.append(f"{mark} run {run[name]}")
    counted = ", ".join(f"{n:,} {name}" for name, n in run["counts"].items() if _counted(n))
    lines = [f"{run['id']}  {run['source']}  {', '.join(marks)}  {run['started'][:19]}  {counted}"]
    if run["message"]:
        lines.append(f"    {run['message']}")
    return "\n".join(lines)


def _counted(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _rejects(options: argparse.Namespace, config: Config) -> int:
    if not options.source:
        raise UsageError("--rejects needs a source: directory runs SLUG --rejects.")
    with db.reader(_started(config)).connect() as connection:
        rows = quarantine.find(connection, options.source, options.code or "", options.find or "")
    if options.json:
        _print(rows)
    else:
        line = "{verdict}  {position}  {code}  {message}\n    {sample}"
        print("\n".join(line.format(**row) for row in rows) or "none")
    return Exit.DONE


def _matches(options: argparse.Namespace, config: Config) -> int:
    with db.writer(_started(config)).begin() as connection:
        if options.decide:
            pair, decision = options.decide
            if not pair.isdecimal() or decision not in matching.DECISIONS:
                raise UsageError(
                    f"--decide takes a pair's ID and {' or '.join(matching.DECISIONS)}."
                )
            matching.decide(connection, int(pair), decision, getpass.getuser())
        if options.anew:
            matching.match_all(connection)
        rows = matching.decided(connection) if options.decided else matching.waiting(connection)
    if options.decide or options.anew:
        _refresh(config)
    if options.json:
        _print(rows)
    elif not options.decide:
        print(
            "\n".join(_PAIR.format(why=", ".join(row["reasons"]), **row) for row in rows) or "none"
        )
    return Exit.DONE


_PAIR = "{id}  {score:.0f}  {why}\n    {a_name} ({a_source})  {a}\n    {b_name} ({b_source})  {b}"


def _generate(options: argparse.Namespace, config: Config) -> int:
    with _progress("generated") as progress:
        report = generate(db.writer(_started(config)), options.rows, progress)
    _refresh(config)
    print(_summary(report))
    return Exit.DONE


def _account(options: argparse.Namespace, config: Config) -> int:
    engine = db.writer(_started(config))
    if options.action == "list":
        with engine.connect() as connection:
            rows = accounts.listed(connection)
        line = "{0.email}  {0.role}  since {0.created:%Y-%m-%d}{1}"
        states = [f", disabled {row.disabled:%Y-%m-%d}" if row.disabled else "" for row in rows]
        print("\n".join(map(line.format, rows, states)) or "none yet")
        return Exit.DONE
    if options.email is None:
        raise UsageError(f"account {options.action} needs an e-mail address.")
    if options.action == "disable":
        accounts.disable(engine, options.email)
    elif options.action == "password":
        accounts.set_password(engine, options.email, _password(options.password_stdin))
    elif options.role is None:
        raise UsageError(f"account add needs --role {' or '.join(accounts.ROLES)}.")
    else:
        accounts.add(engine, options.email, options.role, _password(options.password_stdin))
    return Exit.DONE


def _password(piped: bool) -> str:
    """One line of standard input, or what is typed twice without being shown."""
    if piped:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("Give the password on standard input with --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise UsageError("These are two different passwords.")
    return password


def _db(options: argparse.Namespace, config: Config) -> int:
    if options.action == "url":
        print(db.database_url(config))
    elif options.action == "init":
        seeds.plant(db.writer(_started(config)))
        _refresh(config)
    elif options.action in ("backup", "restore"):
        if options.file is None:
            raise UsageError(f"db {options.action} needs the name of a file.")
        act = backup.backup if options.action == "backup" else backup.restore
        act(db.database_url(_started(config)), options.file)
    elif config.database_url is not None:
        raise UsageError("DIRECTORY_DATABASE_URL names a server of your own; this is for ours.")
    elif options.action == "start":
        cluster.start(config)
    elif options.action == "stop":
        cluster.stop(config)
    else:
        print(cluster.status(config))
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="directory", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, about: str, run: Callable[[argparse.Namespace, Config], int], json_too: bool
    ) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=about, description=about)
        found.set_defaults(run=run)
        if json_too:
            found.add_argument("--json", action="store_true", help="print one JSON document")
        return found

    _import_options(command("import", "import a file or URL", _import, True))
    _search_options(command("search", "search as the API does", _search, True))
    command("place", "what a place name means", _place, True).add_argument("name")
    command("sources", "the sources and their listings", _sources, True)
    past = command("runs", "the history of imports", _runs, True)
    past.add_argument("source", nargs="?")
    past.add_argument("--rejects", action="store_true", help="rows rejected or repaired")
    past.add_argument("--code", help="only those with this code")
    past.add_argument("--find", metavar="WORDS", help="only those that hold these words")
    back = command("undo", "put the newest run of a source back", _undo, True)
    back.add_argument("run_id", type=int, metavar="RUN_ID")
    again = command("refresh", "import the configured sources that are due", _refresh_due, True)
    again.add_argument("slugs", nargs="*", metavar="SLUG", help="these, due or not")
    points = command("geocode", "ask where addresses without a point are", _geocode, True)
    points.add_argument("slugs", nargs="*", metavar="SLUG", help="of these sources alone")
    points.add_argument("--most", type=int, default=1000, metavar="NUMBER", help="of addresses")
    pairs = command("matches", "pairs that may be the same place or meeting", _matches, True)
    pairs.add_argument(
        "--decide", nargs=2, metavar=("ID", "DECISION"), help="same, different or undecided"
    )
    pairs.add_argument("--decided", action="store_true", help="what was decided, newest first")
    pairs.add_argument("--anew", action="store_true", help="compare all listings again")
    made = command("generate", "fill the database with sample listings", _generate, False)
    made.add_argument("--rows", type=int, required=True)
    people = command("account", "accounts of those who keep the directory", _account, False)
    people.add_argument("action", choices=["add", "password", "disable", "list"])
    people.add_argument("email", nargs="?", metavar="EMAIL")
    people.add_argument("--role", choices=accounts.ROLES)
    people.add_argument("--password-stdin", action="store_true", help="read it, do not ask")
    private = command("db", "the private database", _db, False)
    actions = ["url", "init", "start", "stop", "status", "backup", "restore"]
    private.add_argument("action", choices=actions)
    private.add_argument("file", nargs="?", type=Path, help="for backup and restore")
    return parser


def _import_options(new: argparse.ArgumentParser) -> None:
    new.add_argument("kind", help="samhsa, meeting_guide, bmlt, hsds or csv")
    new.add_argument("location", help="a path or URL")
    new.add_argument("--source", required=True, metavar="SLUG", help="the source's short name")
    new.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    new.add_argument("--title", help="the source's name as readers see it")
    new.add_argument("--licence", help="the licence of the data")
    new.add_argument("--attribution", help="the credit that it wants beside each listing")
    new.add_argument("--contact", help="whom to ask about the feed")
    new.add_argument("--anew", action="store_true", help="read the feed even if it is the same")
    new.add_argument("--dry-run", action="store_true", help="say what would change")
    new.add_argument("--accept", type=int, metavar="RUN_ID", help="do what this run was refused")
    new.add_argument("--limit", action="append", default=[], metavar="NAME=NUMBER")


def _search_options(find: argparse.ArgumentParser) -> None:
    find.add_argument("words", nargs="?", default="")
    find.add_argument("--near", metavar="PLACE")
    find.add_argument("--radius", default="25")
    find.add_argument("--unit", default="mi")
    find.add_argument("--term", action="append", default=[], metavar="CODE")
    find.add_argument("--kind", action="append", default=[], help=", ".join(KINDS))
    find.add_argument("--sort", default="")
    find.add_argument("--page", default="1")
    find.add_argument("--per-page", default="20")


if __name__ == "__main__":
    sys.exit(main())
