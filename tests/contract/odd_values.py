"""Values that callers hand in by mistake: wrong types, extremes, and objects whose own methods fail."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from trialstore.contract.helpers import T0, UTC


class OwnError(Exception):
    """What the code of a caller's object raises. It may reach the caller where nothing but that code can go on."""


class Hostile:
    """An object that fails whatever is asked of it."""

    def fail(self, *_: object) -> NoReturn:
        raise OwnError

    __str__ = __repr__ = __hash__ = __eq__ = __ne__ = __lt__ = __iter__ = __len__ = __bool__ = fail
    __int__ = __index__ = __float__ = __getitem__ = __contains__ = __call__ = __fspath__ = __enter__ = fail


FAILS: Any = Hostile.fail
"""In place of methods of other types."""


class HostileInt(int):
    """An int whose own methods fail."""

    __str__ = __repr__ = __hash__ = __eq__ = __lt__ = __le__ = __int__ = __index__ = __bool__ = FAILS


class HostileText(str):
    """A text whose own methods fail."""

    __slots__ = ()
    __str__ = __repr__ = __hash__ = __eq__ = __lt__ = __len__ = __iter__ = __contains__ = FAILS
    encode = strip = isascii = FAILS


class HostileDict(dict[Any, Any]):
    """A dict that cannot be read."""

    items = keys = values = __iter__ = __len__ = FAILS


class FailingZone(dt.tzinfo):
    """A time zone that fails when it is asked."""

    utcoffset = dst = tzname = FAILS


class OddZone(dt.tzinfo):
    """A time zone whose answers are nonsense."""

    def utcoffset(self, _moment: dt.datetime | None) -> Any:
        """Nonsense."""
        return "an hour or so"

    dst = tzname = utcoffset


class Colour(enum.Enum):
    """An enum that is none of ours."""

    RED = 1


class Level(enum.IntEnum):
    """Ints with names."""

    HIGH = 3


class Word(str, enum.Enum):
    """Texts with names."""

    CACHE = "cache"
    SCORE = "score"


def half_way() -> Iterator[Any]:
    """A generator that fails after one item."""
    yield {}
    raise OwnError


ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "-1": lambda: -1,
    "0": lambda: 0,
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "10**30": lambda: 10**30,
    "-10**30": lambda: -(10**30),
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "0.5": lambda: 0.5,
    "nan": lambda: float("nan"),
    "-inf": lambda: float("-inf"),
    "1e308": lambda: 1e308,
    "Decimal": lambda: decimal.Decimal("1.5"),
    "Fraction": lambda: fractions.Fraction(1, 3),
    "complex": lambda: 1j,
    "bytes": lambda: b"\xff",
    "text": lambda: "fast",
    "empty text": lambda: "",
    "text with NUL": lambda: "a\0b",
    "half a surrogate pair": lambda: "a\ud800",
    "a byte that is no UTF-8": lambda: "a\udcff",
    "control characters": lambda: "a\x1b[2J\n\r",
    "long text": lambda: "x" * 100_000,
    "list": lambda: [1, "a"],
    "empty list": list,
    "list in itself": lambda: [[]],
    "tuple": lambda: (1, 2, 3),
    "dict": lambda: {"a": 1},
    "dict with odd keys": lambda: {1: 2, None: 3, ("a",): 4},
    "dict of hostile things": lambda: {"score": Hostile(), "cache": Hostile()},
    "defaultdict": lambda: collections.defaultdict(list, {"score": "min"}),
    "set": lambda: {1, 2},
    "range": lambda: range(3),
    "np.int64": lambda: np.int64(3),
    "np.uint64": lambda: np.uint64(2**64 - 1),
    "np.float32": lambda: np.float32(0.5),
    "np.longdouble": lambda: np.longdouble("0.1"),
    "np.bool_": lambda: np.bool_(True),
    "np.str_": lambda: np.str_("cache"),
    "np.bytes_": lambda: np.bytes_(b"min"),
    "np.datetime64": lambda: np.datetime64("2025-01-01"),
    "np.timedelta64": lambda: np.timedelta64(3, "s"),
    "array": lambda: np.array([1, 2]),
    "array of texts": lambda: np.array(["min", "max"]),
    "array without dimensions": lambda: np.array(3),
    "matrix": lambda: np.ones((2, 2)).view(np.matrix),
    "structured scalar": lambda: np.array([(1, 2.0)], dtype="i4,f8")[0],
    "naive time": lambda: dt.datetime(2025, 1, 1),
    "time": lambda: T0,
    "first time": lambda: dt.datetime.min,
    "first time in UTC": lambda: dt.datetime.min.replace(tzinfo=UTC),
    "last time in UTC": lambda: dt.datetime.max.replace(tzinfo=UTC),
    "time beyond UTC": lambda: dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=12))),
    "time of a failing zone": lambda: dt.datetime(2025, 1, 1, tzinfo=FailingZone()),
    "time of an odd zone": lambda: dt.datetime(2025, 1, 1, tzinfo=OddZone()),
    "date": lambda: dt.date(2025, 1, 1),
    "no length of time": lambda: dt.timedelta(0),
    "length of time": lambda: dt.timedelta(seconds=30),
    "longest length of time": lambda: dt.timedelta.max,
    "enum": lambda: Colour.RED,
    "int enum": lambda: Level.HIGH,
    "text enum": lambda: Word.SCORE,
    "path": lambda: pathlib.Path("a/b"),
    "UUID": lambda: uuid.UUID(int=1),
    "class": lambda: dict,
    "function": lambda: len,
    "object": object,
    "hostile object": Hostile,
    "hostile int": lambda: HostileInt(7),
    "hostile text": lambda: HostileText("cache"),
    "hostile dict": lambda: HostileDict(a=1),
    "generator that fails": half_way,
}
"""Name → what makes the value, anew for each call."""


def hashable(value: Any) -> bool:
    """Whether a dict can have it as a key."""
    try:
        hash(value)
    except (TypeError, OwnError):
        return False
    return True
