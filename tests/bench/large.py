"""A large import as a maintainer runs it, and the searches that are answered meanwhile.

    ROWS=1000000 .venv/bin/python -m tests.bench.large

Runs ``directory import`` on generated listings five times: all new, the same file, the same rows
in another file twice, and with one row in ten renamed. Prints for each the seconds, the most memory
of all its processes together (PSS: what they share counts once), and how long searches took before
and while it ran. The database and all files are made for this and removed afterwards.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from directory import cluster, db
from directory.config import Config, environment, load_config
from directory.search import answer
from tests.bench.asks import Ask
from tests.bench.rows import bench_database, towns, write_feed

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
IDLE = 600
"""Searches that are timed while nothing is imported."""
MEMORY_EVERY_S = 0.5


def asks(engine: Engine) -> list[Ask]:
    """Places as often as listings are there: all that is near, with words, with terms."""
    places = towns(engine, IDLE)
    near = [Ask(place=place) for place in places[::3]]
    words = [Ask("detox", place) for place in places[1::3]]
    terms = [Ask("family", place, terms=("pay:medicaid",)) for place in places[2::3]]
    return [ask for three in zip(near, words, terms, strict=True) for ask in three]


def search(engine: Engine, ask: Ask) -> float:
    """Milliseconds for one answer."""
    start = time.perf_counter()
    with engine.connect() as connection:
        answer(connection, ask.search, NOW)
    return (time.perf_counter() - start) * 1000


def said(took: list[float]) -> str:
    """Half, 99 in 100, and all of the searches within so many milliseconds."""
    if len(took) < 100:
        return f"{len(took)} searches, too few to say"
    p99 = statistics.quantiles(took, n=100)[-1]
    return (
        f"{len(took)} searches, p50 {statistics.median(took):.1f} ms, p99 {p99:.1f} ms, "
        f"longest {max(took):.1f} ms"
    )


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # ended meanwhile
        parents.setdefault(parent, []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def memory(root: int) -> tuple[int, int]:
    """Megabytes of a process and its descendants: PSS, RSS."""
    sums = {"Pss": 0, "Rss": 0}
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        for name, _, value in (line.partition(":") for line in lines):
            if name in sums:
                sums[name] += int(value.split()[0])
    return sums["Pss"] // 1024, sums["Rss"] // 1024


@contextmanager
def watched(process: "subprocess.Popen[str]") -> Iterator[list[tuple[int, int]]]:
    """The memory of a process and its descendants, every so often, until it ends."""
    found: list[tuple[int, int]] = [(0, 0)]

    def watch() -> None:
        while process.poll() is None:
            found.append(memory(process.pid))
            time.sleep(MEMORY_EVERY_S)

    thread = threading.Thread(target=watch)
    thread.start()
    yield found
    thread.join()


def run(config: Config, name: str, feed: Path, asked: list[Ask]) -> None:
    """One import, with searches meanwhile where any are given; prints what it took."""
    command = [sys.executable, "-m", "directory.cli", "import", "csv", str(feed)]
    command += ["--source", "large", "--json"]
    took: list[float] = []
    start = time.monotonic()
    with (
        subprocess.Popen(
            command,
            env={**os.environ, **environment(config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
        watched(process) as used,
    ):
        while asked and process.poll() is None:
            took.append(search(db.reader(config), asked[len(took) % len(asked)]))
        out = process.communicate()[0]
    seconds = time.monotonic() - start
    if process.returncode:
        sys.exit(f"{name}: the import ended with {process.returncode}: {out}")
    report = json.loads(out)
    counted = ", ".join(f"{report[key]:,} {key}" for key in ("added", "changed", "same"))
    pss, rss = (max(column) for column in zip(*used, strict=True))
    print(f"{name}: {counted}; {report['seconds']:.1f} s, the whole command {seconds:.1f} s")
    print(f"  memory of all its processes: {pss} MB (PSS), {rss} MB (RSS)")
    if asked:
        print(f"  meanwhile: {said(took)}", flush=True)


def rename(feed: Path, other: Path) -> None:
    """The feed with each tenth row named anew."""
    with feed.open(newline="") as old, other.open("w", newline="") as new:
        reader = csv.DictReader(old)
        writer = csv.DictWriter(new, list(reader.fieldnames or ()))
        writer.writeheader()
        for number, row in enumerate(reader):
            writer.writerow(row | {"name": f"New {row['name']}"} if number % 10 == 0 else row)


def main() -> None:
    """Run the three imports and print the figures."""
    rows = int(os.environ.get("ROWS", "1000000"))
    config = load_config()
    if config.database_url is None:
        cluster.start(config)
    with bench_database(config) as made, tempfile.TemporaryDirectory(prefix="large-") as folder:
        home, engine = Path(folder), db.writer(made)
        bench = replace(made, home=home)
        feed, renamed = home / "feed.csv", home / "renamed.csv"
        write_feed(rows, engine, feed)
        print(f"{rows:,} rows, {feed.stat().st_size / 2**20:,.0f} MB", flush=True)
        run(bench, "all new", feed, [])
        asked = asks(engine)
        for _ in range(2):  # once to warm up
            idle = [search(db.reader(bench), ask) for ask in asked]
        print(f"idle: {said(idle)}", flush=True)
        run(bench, "unchanged, by its bytes", feed, [])
        for name, searched in (("alone", []), ("while searched", asked)):
            with feed.open("a") as file:
                file.write("\n")  # other bytes, and the same rows
            run(bench, f"unchanged, by its rows, {name}", feed, searched)
        rename(feed, renamed)
        run(bench, "one in ten renamed", renamed, asked)


if __name__ == "__main__":
    main()
