"""Weekly meetings as feeds describe them: clock times, lengths, and what is not weekly.

Weekdays are 0 = Monday, times wall-clock "19:30", lengths minutes.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from directory.records import Note
from directory.schedule import DAY, WEEKDAYS

HOUR = 60
"""How long a meeting lasts whose end is not told, as the Meeting Guide format says."""

# An end earlier than the start is past midnight, unless that makes the meeting longer than
# this: then one of the two is wrong ("12:15" to "01:15" is a slip of the twelve-hour clock).
LONGEST_PAST_MIDNIGHT = 12 * HOUR

_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::\d{2}(?:\.\d+)?)?\s*([ap])?\.?(?:m\.?)?", re.I)

_NTH = r"(?:1st|2nd|3rd|4th|5th|first|second|third|fourth|fifth|last)"
_WEEKDAY = (
    r"(?:sun|mon|tues?|weds?|wednes|thu|thurs?|fri|sat|satur)(?:days?)?\b\.?|(?:weeks?|wks?)\b\.?"
)
_SPAN = (
    rf"{_NTH}(?:\s*(?:,|&|/|\+|and)+\s*(?:the\s+)?{_NTH})*\.?\s+(?:{_WEEKDAY})"
    r"(?:,?\s*(?:of|in)?\s*(?:the\s+|each\s+|every\s+|a\s+)*months?)?"
)
_TIME = r"(?:,?\s*(?:at|@)?\s*(?P<time>\d{1,2}(?::\d\d)?\s*[ap]\.?m\.?|\d{1,2}:\d\d))?"
_LEAD = r"(?:(?:on|the|every|each|meetings?:?|held)\s+)*"
_RARELY = (
    r"(?:(?:once|twice) (?:a|per|each|every) month|monthly|quarterly|bi-?weekly|fortnightly|"
    rf"every (?:other|two|2) (?:{_WEEKDAY})|alternat(?:e|ing) (?:{_WEEKDAY}))"
)
_WE = r"(?:(?:(?:this|the|our)\s+)?(?:meeting|group)s?\s+|we\s+|it\s+)?(?:is\s+|are\s+|only\s+)*"
_MEETS = r"(?:meets?|meeting|gathers?|held|takes place)\s+(?:only\s+)?"
# The whole of a field, or of what stands in brackets, is "2nd Tuesday".
_BARE = re.compile(rf"{_LEAD}{_SPAN}(?:\s+only)?{_TIME}", re.I)
# A sentence says that the meeting itself meets so; "last Tuesday: step meeting" does not.
_CLAIMS = re.compile(
    rf"(?:{_WE}{_MEETS}{_LEAD}(?:{_SPAN}|{_RARELY})|{_WE}{_LEAD}{_SPAN}\s+only"
    rf"|only\s+{_LEAD}{_SPAN}|{_WE}{_RARELY}(?:\s+meeting)?)(?:\s+only)?{_TIME}",
    re.I,
)
_NAMED = re.compile(
    rf"\b(?:monthly|quarterly|bi-?weekly|every other (?:{_WEEKDAY}))|"
    rf"^(?:the\s+)?{_SPAN}(?:\s+(?:night|morning|speaker|group|meeting|workshop))*$",
    re.I,
)
_SKIPS = re.compile(rf"\bno\s+(?:meetings?|mtgs?\.?)\s+(?:is\s+|held\s+)?{_LEAD}{_SPAN}", re.I)
_BRACKETS = re.compile(r"\(([^()]*)\)")
_SENTENCES = re.compile(rf"[.;|!\n]+\s*|\s+-{{1,2}}\s+|\s*/+(?!\s*{_NTH}\b)\s*|[()]", re.I)


def clock(text: str) -> str | None:
    """ "7:00 PM" or "19:00:00" as "19:00"; None where it is no time of day."""
    found = _CLOCK.fullmatch(text.strip())
    if not found or (found[2] is None and found[3] is None):
        return None
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half == "p")
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None


def minutes(time: str) -> int:
    """Minutes from midnight to "19:30"."""
    return int(time[:2]) * 60 + int(time[3:])


def length(start: str, end: str) -> int | None:
    """Minutes from ``start`` to ``end``, past midnight if need be; None where both cannot be.

    00:00 to 23:59 or 00:00 is a whole day: that is how feeds write one.
    """
    if start == "00:00" and end in ("00:00", "23:59"):
        return DAY
    span = minutes(end) - minutes(start)
    if span < 0:
        span += DAY
        return span if span <= LONGEST_PAST_MIDNIGHT else None
    return span or None


def sessions(days: Iterable[int], start: str, lasts: int, note: str | None) -> list[dict[str, Any]]:
    """One session a week on each of ``days``, as a Record takes them."""
    return [
        {"weekday": day, "start": start, "minutes": lasts} | ({"note": note} if note else {})
        for day in sorted(set(days))
    ]


def not_weekly(name: str, texts: Sequence[str], start: str | None) -> str | None:
    """The sentence that says that a meeting is not held every week; None where none does.

    Most "last Tuesday" notes tell what a weekly meeting does in that week (a speaker, a
    tradition, an open meeting), or that it starts later then; those are not meant.
    """
    for text in texts:
        if _agrees(_BARE.fullmatch(text.strip(" .!")), start):
            return text.strip()
    for text in (name, *texts):
        for inside in _BRACKETS.findall(text):
            if _agrees(_BARE.fullmatch(inside.strip(" .!")), start):
                return str(inside).strip()
        for sentence in _SENTENCES.split(text):
            if _agrees(_CLAIMS.fullmatch(sentence.strip(" ,*")), start):
                return sentence.strip(" ,*")
    return name.strip() if _NAMED.search(name) else None


def _agrees(found: re.Match[str] | None, start: str | None) -> bool:
    """Whether a claim was found, of the listed time if it names one."""
    return found is not None and (found["time"] is None or clock(found["time"]) == start)


def skipped(texts: Iterable[str]) -> str | None:
    """The words that say in which week of a month a weekly meeting is not held."""
    for text in texts:
        if found := _SKIPS.search(text):
            return found[0]
    return None


def in_words(sentence: str, days: Iterable[int], start: str | None) -> str:
    """A recurrence note: what the source says, with the day and time that it lists."""
    named = " and ".join(WEEKDAYS[day].capitalize() for day in sorted(set(days)))
    if start is None:
        return sentence
    hour, minute = divmod(minutes(start), 60)
    time = f"{hour % 12 or 12}:{minute:02} {'PM' if hour >= 12 else 'AM'}"
    return f"{sentence} ({named} {time})" if named else sentence


def bad_end(notes: list[Note]) -> int:
    """The usual length, with a note that the one given cannot be."""
    what = "the end or length given cannot be; an hour is assumed"
    notes.append(Note("sessions", "assumed_hour", what))
    return HOUR
