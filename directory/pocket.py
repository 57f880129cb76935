"""A small Whoosh index of the words and names of listings, for spelling and suggestions.

A document is a bucket: the listings whose ids begin with the same three hexadecimal digits.
It stores a digest of their ids and content hashes, by which ``refresh`` finds the buckets that
changed without reading the rest; a changed bucket is made anew. Only what is listed is read,
and of an address only the city.
"""

import fcntl
import hashlib
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from rapidfuzz.distance import OSA
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from whoosh import fields, formats, index
from whoosh.util.text import utf8encode

from directory import db, places
from directory.config import Config
from directory.vocabulary import vocabulary
from directory.words import KIND_WORDS, tokens

LONGEST = 200
MOST = 20
# Names that are ranked before the best are shown: beyond, a prefix says too little.
_RANKED = 60
# Letters of a word from which on two may be wrong.
_TWO_EDITS = 5
# What sounds shorter sounds like too many other words.
_HEARD = 4
# Words that so few listings have are doubted beside words that so many times as many have.
_RARE, _OFTEN = 3, 100
# Buckets read from the database at once, about sixty listings each of 250,000.
_BATCH = 256
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TEXTS = "name, organization, city, description, eligibility, fees, recurrence_note"


class _Counts(fields.FieldType):  # type: ignore[misc]  # Whoosh has no types
    """A field that takes tokens with their counts, already analysed."""

    def __init__(self) -> None:
        self.format = formats.Existence()
        self.analyzer = None
        self.scorable = self.stored = self.unique = False
        self.vector = None

    def index(self, value: Counter[str], **_: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        for token in sorted(value):
            yield utf8encode(token)[0], value[token], float(value[token]), b""


def _schema() -> fields.Schema:
    return fields.Schema(
        bucket=fields.ID(unique=True, stored=True),
        digest=fields.STORED(),
        names=fields.STORED(),
        word=_Counts(),
        run=_Counts(),
    )


class Pocket:
    """One version of the index, read-only and safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._index = index.open_dir(str(folder))
        self._reader = self._index.reader()

    def current(self) -> bool:
        """Whether no newer version was committed since."""
        return bool(self._index.latest_generation() == self._reader.generation())

    def warm(self) -> None:
        """Read what spelling needs, which takes a while, before anybody waits for it."""
        _ = self._counts, self._by_letter

    def knows(self, token: str) -> bool:
        """Whether a listed listing or the vocabulary holds this token (as ``words.tokens``)."""
        return token in _vocabulary_words() or bool(self._buckets("word", token))

    def doubts(self, token: str) -> bool:
        """Whether a token is likely misspelled where it is known from: it is rare beside one that
        is spelled alike."""
        often = self._counts.get(token, 0)
        if often > _RARE or token in _vocabulary_words():
            return False
        return any(self._counts[other] >= _OFTEN * often for other in self.close(token)[:1])

    def often(self, text: str) -> int:
        """How often the words of ``text``, of letters alone, are there: the rarest of them."""
        return min((self._counts.get(token, 0) for token in tokens(text)), default=0)

    def close(self, token: str) -> list[str]:
        """Tokens spelled alike, best first; edits are also two letters that changed places.

        One edit from four letters on, and words of the vocabulary that sound the same; two edits
        from five letters on, if there are none that begin with the same letter: of five letters,
        only words of the vocabulary. "medicade" sounds like Medicaid, not Medicare.
        """
        if len(token) < 4 or not token.isalpha():
            return []
        known = self._counts
        sound = _sound(token)
        heard = (w for w in _by_sound().get(sound, ()) if abs(len(w) - len(token)) <= 2)
        found = _edits(token) & known.keys() | set(heard)
        if len(token) >= _TWO_EDITS and not any(other[0] == token[0] for other in found):
            mask, short = _mask(token), len(token) == _TWO_EDITS
            for other_mask, other in self._by_letter.get(token[0], ()):
                if (
                    abs(len(other) - len(token)) <= 2
                    and not (short and other not in _vocabulary_words())
                    and (mask ^ other_mask).bit_count() <= 4
                    and OSA.distance(token, other, score_cutoff=2) == 2
                ):
                    found.add(other)
        found.discard(token)

        def rank(other: str) -> tuple[bool, bool, bool, int, str]:
            ours, same = other in _vocabulary_words(), _sound(other) == sound
            return other[0] != token[0], not same, not ours, -known[other], other

        return [other for other in sorted(found, key=rank)[:10] if self.knows(other)]

    def names(self, text: str, limit: int) -> list[str]:
        """Distinct names that hold the typed words as a run, the last one maybe unfinished."""
        typed = tokens(text)
        if not typed or limit < 1:
            return []
        key = " " + " ".join(typed)
        counts: Counter[str] = Counter()
        for bucket in sorted(self._holding(typed)):
            for padded, name, count in self._reader.stored_fields(bucket)["names"]:
                if key in padded:
                    counts[name] += count
            if len(counts) >= max(_RANKED, limit):
                break
        return sorted(counts, key=lambda name: (-counts[name], len(name), name))[:limit]

    def _holding(self, typed: list[str]) -> set[int]:
        """The buckets that have every pair of neighbours among ``typed`` in a name."""
        *pairs, last = [" ".join(typed[i : i + 2]) for i in range(max(1, len(typed) - 1))]
        found: set[int] = set()
        for term in self._reader.expand_prefix("run", last):
            found |= self._buckets("run", term.decode())
            if len(found) > 2_000 and not pairs:
                break
        for pair in pairs:
            found &= self._buckets("run", pair)
        return found

    def _buckets(self, field: str, term: str) -> set[int]:
        """The buckets with this term; those that were replaced do not count."""
        if (field, term) not in self._reader:
            return set()
        return set(self._reader.postings(field, term).all_ids())

    @cached_property
    def _counts(self) -> dict[str, int]:
        """How often each word of letters alone is there, replaced buckets included."""
        counts = dict.fromkeys((w for w in _vocabulary_words() if w.isalpha()), 1)
        for term, about in self._reader.iter_field("word"):
            if (word := term.decode()).isalpha():
                counts[word] = counts.get(word, 0) + int(about.weight())
        return counts

    @cached_property
    def _by_letter(self) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = {}
        for word in self._counts:
            found.setdefault(word[0], []).append((_mask(word), word))
        return found


def _mask(word: str) -> int:
    """The letters of a word as bits: an edit changes at most two."""
    mask = 0
    for letter in word:
        mask |= 1 << (ord(letter) & 63)
    return mask


def _edits(word: str) -> set[str]:
    """Everything one edit away."""
    halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + letter + b[1:] for a, b in halves if b for letter in _LETTERS}
    return found | {a + letter + b for a, b in halves for letter in _LETTERS}


@cache
def _vocabulary_words() -> frozenset[str]:
    texts = [t for term in vocabulary().terms.values() for t in (term.label, *term.synonyms)]
    texts += [name for names in KIND_WORDS.values() for name in names]
    return frozenset(token for t in texts for token in tokens(t))


# How English spells one sound in several ways; what is left of a word are its consonants.
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ph", "f"),
        ("ck|[cq](?![eiyh])", "k"),
        ("c(?=[eiy])|z", "s"),
        ("x", "ks"),
        ("gh|(?<=.)[aeiouyhw]", ""),
        (r"(.)\1+", r"\1"),
    )
]


def _sound(word: str) -> str:
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


@cache
def _by_sound() -> dict[str, list[str]]:
    """The longer words of the vocabulary by how they sound."""
    found: dict[str, list[str]] = {}
    for word in sorted(_vocabulary_words()):
        if word.isalpha() and len(sound := _sound(word)) >= _HEARD:
            found.setdefault(sound, []).append(word)
    return found


def folder_of(config: Config) -> Path:
    """Where the pocket of the configured database is kept."""
    name = hashlib.sha256(db.database_url(config).encode()).hexdigest()[:16]
    return config.home / "pocket" / name


def refreshed(config: Config) -> float | None:
    """When the pocket was last brought up to date, in seconds of the epoch; None for never."""
    try:
        return folder_of(config).with_suffix(".done").stat().st_mtime
    except OSError:
        return None


_open: dict[Path, tuple[int, Pocket]] = {}
_opening = threading.Lock()


def open_pocket(config: Config, *, warm: bool = False) -> Pocket | None:
    """The newest version of this database's pocket; None where there is none to read.

    A version that replaces another is warmed aside, as is the first one if asked.
    """
    folder = folder_of(config)
    with _opening:
        try:
            inode = folder.stat().st_ino  # a rebuilt index is another folder
            known = _open.get(folder)
            if known is None or known[0] != inode or not known[1].current():
                newer = Pocket(folder)
                if warm or known is not None:
                    threading.Thread(target=newer.warm, daemon=True).start()
                known = _open[folder] = inode, newer
            return known[1]
        except Exception:  # Whoosh raises whatever its parsers raise on a broken file
            _open.pop(folder, None)
            return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One refresh at a time; the lock ends with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def refresh(engine: Engine, config: Config, *, quick: bool = False) -> int:
    """Bring the pocket up to date; return how many buckets were made anew or dropped.

    quick: look no further where no import was applied since the last refresh. A second refresh
    waits for the first. Readers keep the version that they opened.
    """
    folder = folder_of(config)
    done = folder.with_suffix(".done")
    with _alone(folder), engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        applied = str(connection.execute(text(_APPLIED)).scalar())
        if quick and folder.is_dir() and done.is_file() and done.read_text() == applied:
            return 0
        changed = _refreshed(connection, folder)
        done.write_text(applied)
        return changed


def _refreshed(connection: Connection, folder: Path) -> int:
    try:
        return _update(connection, folder)
    except DBAPIError:
        raise
    except Exception:  # none yet, or broken: make it anew beside, then swap
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        index.create_in(str(fresh), _schema())
        changed = _update(connection, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
        return changed


_APPLIED = """
SELECT concat(number, ' ', (SELECT max(finished) FROM import_run
WHERE status IN ('applied', 'undo'))) FROM generation"""


_DIGESTS = """
SELECT left(id::text, 3) AS bucket,
       md5(string_agg(id::text || content_hash || CASE WHEN overrides <> '{}'
        THEN overrides::text ELSE '' END, ' ' ORDER BY id)) AS digest
FROM listing WHERE listed GROUP BY 1 ORDER BY 1"""
_BUCKETS = f"""
SELECT left(id::text, 3) AS bucket, {_TEXTS}
FROM listing WHERE listed AND left(id::text, 3) = ANY(:buckets)"""


def _update(connection: Connection, folder: Path) -> int:
    found = index.open_dir(str(folder))
    with found.reader() as reader:
        stored = {each["bucket"]: each["digest"] for each in reader.all_stored_fields()}
    wanted = {row.bucket: row.digest for row in connection.execute(text(_DIGESTS))}
    gone = sorted(stored.keys() - wanted.keys())
    changed = [bucket for bucket, digest in wanted.items() if stored.get(bucket) != digest]
    if not (gone or changed):
        return 0
    writer = found.writer(limitmb=64)
    try:
        for bucket in gone:
            writer.delete_by_term("bucket", bucket)
        for start in range(0, len(changed), _BATCH):
            some = changed[start : start + _BATCH]
            rows: dict[str, list[Any]] = {bucket: [] for bucket in some}
            for row in connection.execute(text(_BUCKETS), {"buckets": some}):
                rows[row.bucket].append(row)
            for bucket in some:
                document = _document(rows[bucket])
                add = writer.update_document if stored else writer.add_document
                add(bucket=bucket, digest=wanted[bucket], **document)
    except BaseException:
        writer.cancel()
        raise
    writer.commit()
    return len(gone) + len(changed)


def _document(rows: list[Any]) -> dict[str, Any]:
    words: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    names = Counter(row.name for row in rows)
    for row in rows:
        words.update({token for value in row[1:] if value for token in tokens(value)})
    stored = []
    for name, count in names.items():
        key = tokens(name)
        runs.update(" ".join(key[i : i + 2]) for i in range(len(key)))
        stored.append((" " + " ".join(key), name, count))
    return {"word": words, "run": runs, "names": stored}


def suggest(
    typed: str, limit: int, connection: Connection | None, pocket: Pocket | None, country: str
) -> list[dict[str, str]]:
    """What ``typed`` may become: terms, then places, then names, at most ``limit`` in all.

    Each kind has a third; what one leaves, the next may use.
    """
    kinds = [_terms(typed)]
    if len(typed.strip()) < 2:  # one letter says too little of places and names
        return kinds[0][:limit]
    found = places.beginning(connection, typed, country, limit) if connection is not None else []
    kinds.append([{"text": name, "kind": "place"} for name in found])
    called = pocket.names(typed, limit) if pocket is not None else []
    kinds.append([{"text": name, "kind": "name"} for name in called])
    share = -(-limit // 3)
    spare = limit - sum(min(share, len(kind)) for kind in kinds)
    chosen = []
    for kind in kinds:
        taken = kind[: share + max(0, spare)]
        spare -= max(0, len(taken) - share)
        chosen += taken
    return chosen[:limit]


def _terms(typed: str) -> list[dict[str, str]]:
    """Terms with a word of their label or a synonym that begins so; labels come first."""
    key = " " + " ".join(tokens(typed))
    if key == " ":
        return []
    labels, others = [], []
    for code, label, spellings in _term_keys():
        if key in spellings[0]:
            labels.append({"text": label, "kind": "term", "code": code})
        elif any(key in spelling for spelling in spellings):
            others.append({"text": label, "kind": "term", "code": code})
    return labels + others


@cache
def _term_keys() -> list[tuple[str, str, list[str]]]:
    return [
        (t.code, t.label, [" " + " ".join(tokens(s)) for s in (t.label, *t.synonyms)])
        for t in vocabulary().terms.values()
    ]
