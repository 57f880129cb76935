"""Weekly time, against a minute-by-minute oracle and across daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import schedule
from directory.schedule import WEEK

_SESSIONS = st.lists(
    st.builds(
        lambda weekday, hour, minute, minutes: {
            "weekday": weekday,
            "start": f"{hour:02}:{minute:02}",
            "minutes": minutes,
        },
        st.integers(0, 6),
        st.integers(0, 23),
        st.integers(0, 59),
        st.integers(1, 1440),
    ),
    max_size=5,
)


@given(_SESSIONS)
def test_weekly_covers_each_minute_of_each_session(sessions: list[dict[str, object]]) -> None:
    covered = set()
    for s in sessions:
        start = schedule.minute_of_week(int(str(s["weekday"])), str(s["start"]))
        covered |= {m % schedule.WEEK for m in range(start, start + int(str(s["minutes"])))}
    spans = schedule.weekly(sessions)
    assert {m for start, end in spans or [] for m in range(start, end)} == covered
    assert (spans is None) == (not sessions)
    ends = [edge for span in spans or [] for edge in span]
    assert ends == sorted(set(ends))  # apart, in order, none empty


def session(weekday: int, start: str, minutes: int) -> dict[str, object]:
    return {"weekday": weekday, "start": start, "minutes": minutes}


def test_a_night_runs_past_sunday() -> None:
    late = [session(6, "23:00", 120)]
    assert schedule.weekly(late) == [(0, 60), (10020, 10080)]
    monday = datetime(2026, 11, 23, 0, 30, tzinfo=ZoneInfo("America/Denver"))
    assert schedule.open_now(late, "America/Denver", monday)
    assert not schedule.open_now(late, "America/Denver", monday + timedelta(minutes=30))


def test_no_hours_are_unknown_hours() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert schedule.open_now([], "UTC", now) is None
    assert schedule.next_session([], "UTC", now) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-01T12:00:00-07:00", "2026-03-01T19:30:00-07:00"),  # today
        ("2026-03-01T19:30:00-07:00", "2026-03-01T19:30:00-07:00"),  # at this moment
        ("2026-03-01T19:31:00-07:00", "2026-03-08T19:30:00-06:00"),  # over the spring change
        ("2026-10-31T12:00:00-06:00", "2026-11-01T19:30:00-07:00"),  # over the autumn change
    ],
)
def test_next_session_keeps_the_clock_time(now: str, expected: str) -> None:
    found = schedule.next_session(
        [session(6, "19:30", 60)], "America/Denver", datetime.fromisoformat(now)
    )
    assert found is not None
    assert found.isoformat() == expected


def test_a_skipped_hour_falls_later() -> None:
    """02:30 does not exist in Denver on 8 March 2026."""
    found = schedule.next_session(
        [session(6, "02:30", 60)], "America/Denver", datetime(2026, 3, 8, 0, tzinfo=UTC)
    )
    assert found is not None
    assert found.isoformat() == "2026-03-08T03:30:00-06:00"


@given(_SESSIONS.filter(bool), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
def test_next_session_is_the_first_start_from_now(
    sessions: list[dict[str, object]], moment: datetime
) -> None:
    now = moment.replace(tzinfo=UTC)
    found = schedule.next_session(sessions, "UTC", now)
    starts = {schedule.minute_of_week(int(str(s["weekday"])), str(s["start"])) for s in sessions}
    step = now.replace(second=0, microsecond=0)
    if step < now:
        step += timedelta(minutes=1)
    while schedule.local_minute("UTC", step) not in starts:
        step += timedelta(minutes=1)
    assert found == step


def test_clocks_show_each_zone() -> None:
    clocks = schedule.clocks(datetime(2026, 11, 22, 19, 0, tzinfo=UTC))
    assert clocks["America/Denver"] == 6 * 1440 + 12 * 60
    assert clocks["Asia/Kolkata"] == 30  # half past midnight on Monday


@pytest.mark.parametrize(
    ("day", "part", "today", "lexeme"),
    [
        ("monday", None, 3, "at:monday"),
        ("sunday", "night", 3, "at:sunday-night"),
        ("today", "evening", 1, "at:tuesday-evening"),
        ("tomorrow", None, 6, "at:monday"),
    ],
)
def test_lexemes_of_a_day(day: str, part: str | None, today: int, lexeme: str) -> None:
    assert schedule.on(day, part, today) == ["at:always", lexeme]


@given(st.integers(0, WEEK - 1), st.integers(1, 2_000))
def test_hours_touch_the_parts_of_days_that_hold_their_minutes(start: int, minutes: int) -> None:
    spans = tuple(schedule.wrap(start, start + minutes))
    found = {lexeme for lexeme in schedule.lexemes(spans, "UTC") if lexeme.startswith("at:")}
    hours = {"morning": (4, 11), "midday": (11, 17), "evening": (17, 21), "night": (21, 28)}
    wanted = set()
    for minute in {m % WEEK for m in range(start, start + minutes)}:
        wanted.add(f"at:{schedule.WEEKDAYS[minute // 1440]}")
        for day, name in enumerate(schedule.WEEKDAYS):
            for part, (first, last) in hours.items():
                if (minute - day * 1440 - first * 60) % WEEK < (last - first) * 60:
                    wanted.add(f"at:{name}-{part}")
    assert found == wanted


@given(
    _SESSIONS,
    st.sampled_from(["America/Denver", "Europe/Dublin", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_whatever_is_open_has_a_lexeme_of_the_hours_around(
    sessions: list[dict[str, int | str]], zone: str, now: datetime
) -> None:
    spans = schedule.weekly(sessions)
    if spans is not None and schedule.open_now(sessions, zone, now):
        assert set(schedule.around(now)) & set(schedule.lexemes(tuple(spans), zone))
