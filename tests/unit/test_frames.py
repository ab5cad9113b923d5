"""Frames are made column by column where that is faster, and are the same as those made value by value."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialstore.dialects.mysql import MySQLDialect
from trialstore.dialects.postgresql import PostgreSQLDialect
from trialstore.dialects.sqlite import SQLiteDialect
from trialstore.storage.reading import frames
from trialstore.storage.values.encoding import encode
from trialstore.storage.values.readers import TYPED, UntypedReader

UTC = dt.timezone.utc
SQLITE = SQLiteDialect({"drivername": "sqlite"})

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "floats": st.floats(),
    "ints": st.integers(-(2**70), 2**70),
    "small": st.integers(-9, 9),
    "bools": st.booleans(),
    "texts": st.text(max_size=3),
    "mixed": st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=3)),
}
KEYS = list(range(6))


@st.composite
def columns(draw: st.DrawFn) -> list[tuple[int, str, str | None, str | None]]:
    """Rows `key, name, text, type`: some columns, each mostly of one kind, with values for some of the keys."""
    rows = []
    for name in draw(st.lists(st.sampled_from("abc"), unique=True)):
        values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
        keys = draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1) | st.just(KEYS))
        rows += [(key, name, *encode(draw(values), "value")) for key in keys]
    return sorted(rows, key=lambda row: row[0])


@given(columns(), st.booleans())
def test_a_column_of_one_type_is_what_it_is_value_by_value(rows: list[Any], untyped: bool) -> None:
    reader = UntypedReader(lambda text: text) if untyped else TYPED

    def made() -> tuple[dict[str, Any], dict[str, Any]]:
        slow = {
            f"x.{name}": frames.object_column(
                [
                    {key: reader.stored(text, kind) for key, own, text, kind in rows if own == name}.get(key)
                    for key in KEYS
                ]
            )
            for name in sorted({row[1] for row in rows})
        }
        return frames.wide_columns("x.", rows, KEYS, reader), slow

    fast, slow = made()
    assert list(fast) == list(slow)
    for name, column in fast.items():
        pd.testing.assert_series_equal(column, slow[name], check_exact=True)


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.lists(VALUES[name])))
def test_values_made_together_are_those_made_one_by_one(values: list[Any]) -> None:
    typed = [encode(value, "value") for value in values]
    texts, kinds = [text for text, _ in typed], [kind for _, kind in typed]
    assert list(map(repr, TYPED.shown_values(texts, kinds))) == list(map(repr, values))


moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)).map(lambda moment: moment.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "dialect",
    [
        SQLITE,
        PostgreSQLDialect({"drivername": "postgresql", "database": "x"}),
        MySQLDialect({"drivername": "mysql", "database": "x"}),
    ],
    ids=repr,
)
@given(times=st.lists(moments | st.none()))
def test_times_made_together_are_those_made_one_by_one(dialect: Any, times: list[dt.datetime | None]) -> None:
    column = [None if time is None else dialect.encode_ts(time) for time in times]
    expected = np.array([None if time is None else time.replace(tzinfo=None) for time in times], "datetime64[us]")
    found = dialect.columns.numpy_times(column)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize(
    "text", ["2025-03-01 08:00:00", "2025-03-01T08:00:00.1", "20250301 080000", "2025-03-01 08:00:00.000000+02:00"]
)
def test_times_that_others_wrote_are_read_as_python_reads_them(text: str) -> None:
    try:
        expected = SQLITE.decode_ts(text).replace(tzinfo=None)
    except ValueError:  # of older versions of Python
        pytest.skip("this Python does not read it")
    assert SQLITE.columns.numpy_times([text, None, "2025-03-01 08:00:00.000001"]).tolist() == [
        expected,
        None,
        dt.datetime(2025, 3, 1, 8, 0, 0, 1),
    ]
