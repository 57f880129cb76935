"""Whether two listings are the same place or meeting: one rule that can be read and worked by hand.

``compare`` knows nothing of the database. docs/importing.md says the rule in words.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz

# Beyond these many metres nothing is the same: meetings, other places.
MEETING_M, PLACE_M = 200.0, 300.0
# Two street numbers of one house, and where a name is not merely its owner's; an owner's name
# where no street is known; the same phone whatever the name; the same name or phone on one ground.
STEP_M, CORNER_M, OWNER_M, DOOR_M, GROUND_M = 20.0, 50.0, 60.0, 75.0, 100.0
# How alike names must be at the same street number, of one owner or not; elsewhere for an owner,
# and for full names that stand further apart. ``LIKELY`` is worth asking a person.
PROGRAM, ALIKE, LIKELY, SAME, EQUAL = 38.0, 60.0, 75.0, 88.0, 95.0

_LEGAL = set(
    "inc llc corp corporation incorporated ltd co company the of and for a an at dba lp pc program "
    "to in by".split()
)
_LONG = {
    **{"ctr": "center", "serv": "service", "svc": "service", "trt": "treatment"},
    **{"recov": "recovery", "behav": "behavioral", "hlth": "health", "dept": "department"},
    **{"alc": "alcohol", "prog": "program", "educ": "education", "assoc": "association"},
    **{"saint": "st", "cnty": "county", "rehab": "rehabilitation", "sub": "substance"},
    **{"homeles": "homeless", "healthcare": "health care", "mh": "mental health"},
}
# Words of one group tell listings apart: a men's house is no women's house.
_APART = (
    {"men": "men", "male": "men", "women": "women", "female": "women", "mother": "women"},
    {
        **{"detox": "detox", "detoxification": "detox", "outpatient": "outpatient"},
        **{"op": "outpatient", "iop": "outpatient", "residential": "residential"},
        **{"inpatient": "residential", "dui": "dui", "dwi": "dui", "methadone": "methadone"},
    },
    {"teen": "young", "adolescent": "young", "youth": "young", "child": "young", "adult": "adult"},
    {"i": "1", "ii": "2", "iii": "3", "iv": "4", **{str(n): str(n) for n in range(1, 100)}},
    {side: side for side in ("north", "south", "east", "west")},
)
# Words that half of all names have: to share one says little.
_COMMON = set(
    "recovery treatment center house service health behavioral county program clinic care "
    "wellness home alcohol drug substance abuse outpatient residential detox".split()
)
# What one of two meetings at one place and time has in its name, and the other has not.
_MEETING = set(
    "beginner newcomer step speaker book men women young online upstair downstair room lgbt".split()
)
_NUMBER = re.compile(r"\b\d+(?!\d|st\b|nd\b|rd\b|th\b)")
_UNIT = re.compile(r"\b(?:suites?|ste|units?|rooms?|apartments?|apt|buildings?|bldg|floor)\b|#")


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared of a listing. ``full`` is its folded name, ``owner`` its organization,
    and ``own`` what in the name is not the owner's."""

    id: str
    kind: str
    full: str
    own: str
    owner: str
    numbers: frozenset[str]
    units: frozenset[str]
    phones: frozenset[str]
    postal: str
    fellowship: frozenset[str]
    times: frozenset[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rule``: certain, doubtful or no; ``score`` 0 to 100 orders verdicts; and why."""

    rule: str
    score: float
    reasons: tuple[str, ...]


@lru_cache(maxsize=100_000)
def fold(text: str) -> str:
    """A name without case, accents, punctuation, legal forms and plurals, usual
    abbreviations written out."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = re.sub(r"[\u0300-\u036f'’.]", "", text)
    words = [re.sub(r"(?<=[a-z]{3})s$", "", word) for word in re.findall(r"[a-z0-9]+", text)]
    return " ".join(_LONG.get(word, word) for word in words if word not in _LEGAL) or text


def side(row: Mapping[str, Any]) -> Side:
    """A listing's row as what is compared of it."""
    full, owner = fold(row["name"]), fold(row["organization"] or "")
    # The part of the name that is not the owner's; none where it is called like its owner.
    pieces = [fold(piece) for piece in row["name"].split(" – ")]
    own = " ".join(p for p in pieces if not owner or fuzz.token_sort_ratio(p, owner) < SAME)
    lines = [line.casefold() for line in row["street"]]
    doors = [_UNIT.split(line)[0] for line in lines]
    rooms = " ".join(line[len(door) :] for line, door in zip(lines, doors, strict=True))
    return Side(
        id=str(row["id"]),
        kind=row["kind"],
        full=full,
        own=own,
        owner=owner or (full if not own else ""),
        numbers=frozenset(_NUMBER.findall(re.sub(r"^one\b", "1", "".join(doors[:1])))),
        units=frozenset(re.findall(r"\d+|\b[a-z]\b", rooms)),
        phones=frozenset(phone["number"] for phone in row["phones"]),
        postal=(row["postal_code"] or "")[:5],
        fellowship=frozenset(t for t in row["terms"] if t.startswith("fellowship:")),
        times=frozenset((s["weekday"], s["start"]) for s in row["sessions"]),
    )


def alike(one: str, other: str) -> float:
    """How alike two folded names are, 0 to 100; one that holds all of the other nearly is."""
    if not one or not other:
        return 0.0
    whole = fuzz.token_sort_ratio(one, other)
    shorter = min(one, other, key=len)
    telling = len(shorter) >= 7
    return max(whole, fuzz.token_set_ratio(one, other) - 8 if telling else 0.0)


def apart(one: str, other: str) -> str | None:
    """The words that say that two names mean different things, such as "men, women"."""
    for group in _APART:
        a, b = ({group[word] for word in name.split() if word in group} for name in (one, other))
        if a and b and not a & b:
            return f"{', '.join(sorted(a))} / {', '.join(sorted(b))}"
    return None


def compare(one: Side, other: Side, metres: float | None) -> Verdict:
    """The verdict; the same whichever way round. ``metres`` is None where either place is not
    known exactly."""
    one, other = sorted((one, other), key=lambda it: it.id)
    if one.kind != other.kind or one.fellowship != other.fellowship:
        return Verdict("no", 0.0, ("another kind or fellowship",))
    return (_meetings if one.kind == "support_group" else _places)(one, other, metres)


def _meetings(one: Side, other: Side, metres: float | None) -> Verdict:
    name = alike(one.full, other.full)
    if metres is None or metres > MEETING_M or not one.times & other.times:
        return Verdict("no", 0.0, ("not at one place at one time",))
    why = (f"{metres:.0f} m", f"name {name:.0f}", "the same time")
    set_apart = apart(one.full, other.full) or _told_apart(one.full, other.full)
    if one.times == other.times and name >= SAME and not set_apart:
        return Verdict("certain", name, why)
    return Verdict("doubtful" if name >= LIKELY else "no", name, why)


def _told_apart(one: str, other: str) -> bool:
    return bool((set(one.split()) ^ set(other.split())) & _MEETING)


def _places(one: Side, other: Side, metres: float | None) -> Verdict:
    name, owner = _name(one, other), _owner(one, other)
    best, phone = max(name, owner), bool(one.phones & other.phones)
    set_apart = apart(one.full, other.full)
    door = "unknown"
    if one.numbers and other.numbers:
        door = "same" if one.numbers & other.numbers else "other"
    near = metres is not None and metres <= PLACE_M
    far = "far" if metres is None else f"{metres:.0f} m"
    why = [far, f"name {name:.0f}", f"owner {owner:.0f}", f"{door} street number"]
    why += ["the same phone"] * phone + [f"set apart: {set_apart}"] * bool(set_apart)
    score = _score(best, metres, door == "same", phone, bool(set_apart))
    if not near and not (metres is None and one.postal == other.postal):
        return Verdict("no", score, tuple(why))
    rooms_apart = bool(one.units and other.units) and not one.units & other.units
    certain = not set_apart and _certain(one, other, metres, door, (name, owner))
    if certain and not rooms_apart:
        return Verdict("certain", score, tuple(why))
    close = metres is None or metres <= 150
    doubtful = close and (best >= LIKELY or (door == "same" and best >= 50) or phone)
    return Verdict("doubtful" if doubtful else "no", score, tuple(why))


def _score(best: float, metres: float | None, door: bool, phone: bool, set_apart: bool) -> float:
    """0 to 100. Of two that fit a third, the one at the same door or nearer is the better; one
    phone serves all houses of an owner."""
    near = 0.0 if metres is None else max(0.0, 1 - metres / PLACE_M)
    score = 0.6 * best + 20 * door + 15 * near + 5 * phone - 20 * set_apart
    return round(max(0.0, score), 1)


def _name(one: Side, other: Side) -> float:
    """How alike the names are; of two programs of one owner, what each is called on its own."""
    own = alike(one.own, other.own)
    if one.own and other.own and alike(one.owner, other.owner) >= SAME:
        return own
    return max(own, alike(one.full, other.full))


def _owner(one: Side, other: Side) -> float:
    """How alike the owners are, where at most one of the two has a name of its own: what two
    programs of one owner are called tells them apart."""
    found = _owners(one, other)
    if one.own and other.own and one.owner and other.owner:
        return min(found, alike(one.own, other.own))
    return found


def _owners(one: Side, other: Side) -> float:
    return max(alike(a, b) for a in (one.owner, one.full) for b in (other.owner, other.full))


def _certain(
    one: Side,
    other: Side,
    metres: float | None,
    door: str,
    likeness: tuple[float, float],
) -> bool:
    """The rule where nothing speaks against it."""
    name, owner = likeness
    if metres is None:  # one of the two is not placed exactly
        return door == "same" and name >= SAME
    if door == "same":
        shared = set(one.full.split()) & set(other.full.split()) - _COMMON
        one_owner = metres <= GROUND_M and _owners(one, other) >= SAME
        enough = PROGRAM if one_owner else ALIKE if shared else LIKELY
        return max(name, owner) >= enough
    if door == "other":  # numbers of one house, or a moved address; owners have other houses
        named = any(it.own and it.owner for it in (one, other))
        return (metres <= STEP_M and name >= SAME) or (
            named and metres <= CORNER_M and name >= EQUAL
        )
    if one.phones & other.phones:
        return metres <= DOOR_M or (metres <= GROUND_M and name >= SAME)
    return (metres <= OWNER_M and owner >= SAME) or (metres <= GROUND_M and name >= EQUAL)
