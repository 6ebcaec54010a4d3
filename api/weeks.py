"""ISO weeks, the finest time that is kept about a respondent."""

from datetime import UTC, date, datetime, timedelta


def week_of(day: date) -> str:
    """ISO week of a day.

    Examples
    --------
    >>> week_of(date(2026, 11, 24))
    '2026-W48'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def today() -> date:
    """Today in UTC, the same day for every respondent and server."""
    return datetime.now(UTC).date()


def last_day(week: str, *, later: int = 0) -> date:
    """Sunday of a week, or of the week that comes ``later`` weeks after it.

    Examples
    --------
    >>> last_day("2026-W48", later=1)
    datetime.date(2026, 12, 6)
    """
    year, number = week.split("-W")
    return date.fromisocalendar(int(year), int(number), 7) + timedelta(weeks=later)
