"""A verdict on each row of a feed: refused, the same as what is stored, or new columns.

Validation is most of an import's work and needs no database but the gazetteer, so that long
feeds are judged by processes of their own while PostgreSQL takes in what they said before.
"""

import contextlib
import gc
import itertools
import json
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from operator import itemgetter
from typing import Any

from pydantic import ValidationError
from sqlalchemy import URL, Connection, create_engine

from directory import clean, derive
from directory.feed import FeedError
from directory.locate import Gazetteer, locate
from directory.models import Listing
from directory.records import Record, Refused, Row

SAMPLE_LENGTH = 500
# Batches of a feed that is judged without processes, each of which costs a second.
ALONE = 2
# An import takes 512 MB of memory at most, and a process with its gazetteer a third of that.
MOST_PROCESSES = 2

_SERVER_SIDE = {"position", "listed", "first_seen", "last_seen", "duplicate_of"}
_SERVER_SIDE |= {"overrides", "said"}
COLUMNS = [c.name for c in Listing.__table__.columns if c.name not in _SERVER_SIDE]
# Beside the listing's columns: order in the feed, where it stands there, the row's digest, whether
# it differs from what is stored, and whether it was refused (which keeps its predecessor).
STAGED = ["seq", "place", "digest", "fresh", "refused", *COLUMNS]

_BLANK: dict[str, Any] = dict.fromkeys(STAGED) | {"fresh": False, "refused": False}
_IN_ORDER = itemgetter(*STAGED)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one source, the number and digest of each, and what is stored of them:
    external id -> (content hash, repairs)."""

    source: str
    marks: list[tuple[int, str | None]]
    rows: list[Row]
    stored: dict[str, tuple[str, Any]]


@dataclass(slots=True)
class Judged:
    """Lines of COPY for the columns ``STAGED``, in UTF-8, and which rows were refused."""

    read: int = 0
    lines: bytes = b""
    refused: list[tuple[int, Refused]] = field(default_factory=list)


def judge(batch: Batch, gazetteer: Gazetteer) -> Judged:
    """The verdicts on one batch."""
    judged, lines = Judged(len(batch.rows)), []
    for number, (row, (seq, digest)) in enumerate(zip(batch.rows, batch.marks, strict=True)):
        values = _BLANK | {
            "seq": seq,
            "place": row.where,
            "digest": digest,
            "external_id": identity(row),
        }
        try:
            values |= _columns(row, batch, gazetteer)
        except Refused as refusal:
            judged.refused.append((number, refusal))
            values["refused"] = True
        if values["external_id"]:
            lines.append(_copy_line(values))
    judged.lines = b"".join(lines)
    return judged


def identity(row: Row) -> str:
    """The row's id as ``Record`` will clean it; "" where the importer found none."""
    return clean.plain_text(str(row.fields.get("external_id", "")))


def _columns(row: Row, batch: Batch, gazetteer: Gazetteer) -> dict[str, Any]:
    """What to stage of a good row: all columns, or only the hash where nothing changed."""
    if row.refusal is not None:
        raise row.refusal
    digest = derive.content_hash(row.fields)
    stored_hash, stored_repairs = batch.stored.get(identity(row), ("", []))
    if digest == stored_hash:
        return {"content_hash": digest, "repairs": json.dumps(stored_repairs)}
    notes = list(row.notes)
    try:
        record = Record.model_validate(row.fields, context=notes)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Refused(f"invalid_{name or 'row'}", f"{name}: {first['msg']}") from error
    locate(record, gazetteer, notes)
    columns = derive.columns(batch.source, record, digest, notes)
    columns["fresh"] = True
    return columns


def sample(raw: Any) -> str:
    """The beginning of a row as its source wrote it, as printable ASCII."""
    text = raw if isinstance(raw, str) else json.dumps(raw, default=str)
    return text[:SAMPLE_LENGTH].encode("unicode_escape").decode("ascii")


def _copy_line(values: dict[str, Any]) -> bytes:
    """One line of COPY's text format. NUL, which PostgreSQL cannot store, is dropped."""
    cells = ["\x1e" if value is None else str(value) for value in _IN_ORDER(values)]
    # Cleaned values hold no separators of ours, so that one pass escapes the whole line.
    line = "\x1f".join(cells)
    for character, escape in _ESCAPES:
        line = line.replace(character, escape)
    line = line.replace("\x1e", "\\N").replace("\x1f", "\t")
    return b"%b\n" % line.encode()


_ESCAPES = (
    ("\\", "\\\\"),
    ("\t", "\\t"),
    ("\n", "\\n"),
    ("\r", "\\r"),
    ("\0", ""),
)


def judge_all(batches: Iterator[Batch], connection: Connection) -> Iterator[tuple[Batch, Judged]]:
    """The verdicts on all batches, in order; long feeds are judged by several processes."""
    first = list(itertools.islice(batches, ALONE + 1))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_seldom_collecting())
        if len(first) <= ALONE:
            gazetteer = Gazetteer(connection)
            yield from ((batch, judge(batch, gazetteer)) for batch in first)
            return
        # All of it is judged there, or the gazetteer would take room here as well.
        processes = min(MOST_PROCESSES, os.cpu_count() or 1)
        idle = deque(stack.enter_context(_process(connection.engine.url)) for _ in range(processes))
        busy: deque[tuple[Batch, Pipe]] = deque()
        for batch in itertools.chain(_emptying(first), batches):
            if not idle:
                yield _result(busy, idle)
            with _alive():
                idle[0].send(batch)
            busy.append((batch, idle.popleft()))
        while busy:
            yield _result(busy, idle)


def _emptying(batches: list[Batch]) -> Iterator[Batch]:
    """The batches, each forgotten once it is taken."""
    while batches:
        yield batches.pop(0)


def _result(busy: deque[tuple[Batch, Pipe]], idle: deque[Pipe]) -> tuple[Batch, Judged]:
    """The result of the process that has worked longest."""
    batch, pipe = busy.popleft()
    with _alive():
        judged = pipe.recv()
    idle.append(pipe)
    if isinstance(judged, BaseException):
        raise judged
    return batch, judged


@contextlib.contextmanager
def _alive() -> Iterator[None]:
    """FeedError where a judging process is no more."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise FeedError(
            "A process of this import was killed, as the system does where memory runs out. "
            "Nothing was imported; see that there is memory, and import again."
        ) from error


@contextlib.contextmanager
def _process(url: URL) -> Iterator[Pipe]:
    """A process that judges the batches sent to it. It ends with its pipe, and so with us."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, url), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


@contextlib.contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for garbage in cycles seldom, and never in the gazetteer.

    Rows make many objects and hardly a cycle: looking for one took a quarter of an import.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _serve(pipe: Pipe, url: URL) -> None:
    os.nice(10)  # who searches meanwhile comes first
    engine, gazetteer = create_engine(url), None
    with contextlib.suppress(EOFError, OSError), _seldom_collecting():
        while True:
            batch = pipe.recv()
            try:
                gazetteer = gazetteer or Gazetteer(engine.connect())
                pipe.send(judge(batch, gazetteer))
            except Exception as error:  # said where it can be handled: in the importing process
                pipe.send(error)
