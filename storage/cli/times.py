"""Moments on the command line."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import click

_AGO = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType):  # type: ignore[type-arg]  # it has an argument in newer versions only
    """A time as ISO 8601 has it (UTC where it names no zone), or how long ago it was: 30m, 12h, 7d, 4w."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """The time, with its zone; fails with what it may look like."""
        if isinstance(value, dt.datetime):
            return value
        try:
            if ago := _AGO.fullmatch(value):
                return dt.datetime.now(dt.timezone.utc) - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            # Python 3.10 does not know the Z.
            moment = dt.datetime.fromisoformat(re.sub(r"[zZ]\Z", "+00:00", value))
        except (ValueError, OverflowError):
            self.fail("give a time such as 2026-03-04 or 2026-03-04T05:06 (UTC), or 12h, 7d, 4w ago.", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)
