"""Data frames from stored rows. pandas is imported when a frame is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trialstore.dialects.base import Dialect
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.status import Status
from trialstore.storage.values.encoding import DECODERS, Unreadable, parse_untyped
from trialstore.storage.values.readers import TYPED, ValueReader
from trialstore.storage.values.rows import Stored, group_ids

if TYPE_CHECKING:
    import pandas as pd

_EXACT_IN_FLOAT = 2**53
_INT64 = 2**63


def named_values(column: str, values: Mapping[str, Stored]) -> pd.DataFrame:
    """Two columns, `column` and `value`; a value without a stored type is the text that mlos_bench wrote."""
    import pandas as pd

    shown = pd.Series([item.shown for item in values.values()], dtype=object)
    frame: pd.DataFrame = pd.DataFrame({column: pd.Series(list(values), dtype=object), "value": shown})
    return frame


def status_frame(events: Sequence[tuple[dt.datetime, Status]]) -> pd.DataFrame:
    """A row for each event `(timestamp, status)`, columns `ts` (UTC) and `status`."""
    import pandas as pd

    times = [ts.replace(tzinfo=None) for ts, _ in events]
    frame: pd.DataFrame = pd.DataFrame(
        {
            "ts": utc_column(pd.Series(times, dtype="datetime64[us]")),
            "status": pd.Series([status.name for _, status in events], dtype=object),
        }
    )
    return frame


def results_frame(
    trials: Sequence[tuple[Any, ...]],
    config_rows: Sequence[tuple[Any, ...]],
    result_rows: Sequence[tuple[Any, ...]],
    dialect: Dialect,
    reader: ValueReader = TYPED,
    *,
    exact: bool = False,
) -> pd.DataFrame:
    """One row per trial: its own columns, then `config.*`, then `result.*`, each sorted by name.

    Args:
        trials: Rows `trial_id, config_id, trial_runner_id, ts_start, ts_end, status`, in order; the first one with a
            config names its group.
        config_rows: Rows `config_id, param_id, param_value, value_type`.
        result_rows: Rows `trial_id, metric_id, metric_value, value_type`.
        dialect: Reads the times.
        reader: Reads the values.
        exact: Whether values stay the objects that they are, also where a numeric column could hold them.
    """
    import pandas as pd

    ids, configs, runners, starts, ends, status = zip(*trials, strict=True) if trials else ((),) * 6
    groups = group_ids(zip(configs, ids, strict=True))
    columns: dict[str, Any] = {
        "trial_id": pd.Series(ids, dtype="int64"),
        "ts_start": utc_column(dialect.columns.numpy_times(starts)),
        "ts_end": utc_column(dialect.columns.numpy_times(ends)),
        "tunable_config_id": pd.Series(configs, dtype="int64"),
        "tunable_config_trial_group_id": pd.Series(list(map(groups.__getitem__, configs)), dtype="int64"),
        "status": pd.Series(status, dtype=object),
        "trial_runner_id": pd.Series(runners, dtype="Int64"),
    }
    columns |= wide_columns(ExperimentData.CONFIG_COLUMN_PREFIX, config_rows, configs, reader, exact=exact)
    columns |= wide_columns(ExperimentData.RESULT_COLUMN_PREFIX, result_rows, ids, reader, exact=exact)
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def utc_column(moments: Any) -> Any:
    """A UTC column in microseconds, which unlike pandas' older nanoseconds hold any year."""
    import pandas as pd

    return pd.Series(moments).dt.tz_localize("UTC")


def wide_columns(
    prefix: str,
    rows: Sequence[tuple[Any, ...]],
    keys: Sequence[int],
    reader: ValueReader = TYPED,
    *,
    exact: bool = False,
) -> dict[str, Any]:
    """One column for each name in `rows` (`key, name, text, type`), sorted; `keys` are those of the frame's rows."""
    texts: dict[str | None, dict[int, str | None]] = {}
    kinds: dict[str | None, set[str | None]] = {}
    for key, name, text, kind in rows:
        values = texts.get(name)
        if values is None:
            values, kinds[name] = texts.setdefault(name, {}), set()
        values[key] = text
        kinds[name].add(kind)
    columns = {
        name: None if exact or not reader.typed else _one_type(by_key, kinds[name], keys)
        for name, by_key in texts.items()
        if name is not None  # a config without parameters
    }
    others = {name for name, column in columns.items() if column is None}
    for name, items in _stored(rows, others, reader).items():
        column = [items.get(key) for key in keys]
        columns[name] = _objects(column) if exact else object_column(column)
    return {f"{prefix}{name}": columns[name] for name in sorted(columns)}


def _one_type(by_key: Mapping[int, str | None], kinds: set[str | None], keys: Sequence[int]) -> Any:
    """The column of `object_column` for values that all are of one type, made much faster; None for others."""
    import numpy as np
    import pandas as pd

    found = list(map(by_key.get, keys))
    complete = None not in found
    if kinds == {"f"}:
        texts: Iterable[Any] = found if complete else ("nan" if text is None else text for text in found)
        with suppress(ValueError):  # no number
            return pd.Series(np.fromiter(map(float, texts), "float64", len(found)))
        return None
    if kinds == {"s"}:
        return pd.Series(found, dtype=object)
    if kinds == {"b"} and complete:
        with suppress(KeyError):  # no bool
            return pd.Series(np.fromiter(map(DECODERS["b"], found), "bool", len(found)))  # type: ignore[arg-type]
    if kinds == {"i"} and complete:
        with suppress(OverflowError, ValueError):  # no int64, or no number
            return pd.Series(np.fromiter(map(int, found), "int64", len(found)))  # type: ignore[arg-type]
    return None


def _stored(rows: Sequence[tuple[Any, ...]], names: set[str], reader: ValueReader) -> dict[str, dict[int, Stored]]:
    """Name → key → value, of rows `key, name, text, type`."""
    found: dict[str, dict[int, Stored]] = {name: {} for name in names}
    for key, name, text, kind in rows if names else ():
        if name in names:
            found[name][key] = reader.stored(text, kind)
    return found


def _objects(items: Sequence[Stored | None]) -> Any:
    import pandas as pd

    return pd.Series([None if item is None else item.value for item in items], dtype=object)


def object_column(items: Sequence[Stored | None]) -> Any:
    """One column, numeric where every value that is there is a number; text that mlos_bench wrote counts if it
    looks like one."""
    import pandas as pd

    present = [item for item in items if item is not None and item.text is not None]
    if not all(_is_number(item) for item in present):
        shown = [None if item is None else item.shown for item in items]
        all_bool = len(present) == len(items) and all(isinstance(value, bool) for value in shown)
        return pd.Series(shown, dtype=bool if all_bool else object)
    numbers = [None if item is None else _number(item) for item in items]
    whole = [number for number in numbers if isinstance(number, int)]
    largest = max(map(abs, whole), default=0)
    if present and len(whole) == len(present) and largest < _INT64:
        if len(whole) == len(items):
            return pd.Series(numbers, dtype="int64")
        return pd.Series(numbers, dtype="Int64" if largest > _EXACT_IN_FLOAT else "float64")
    return pd.Series(numbers, dtype="float64" if largest <= _EXACT_IN_FLOAT else object)


def _is_number(item: Stored) -> bool:
    if item.kind is None:
        return not isinstance(parse_untyped(item.text or ""), str)
    return item.kind in ("i", "f") and not isinstance(item.value, Unreadable)


def _number(item: Stored) -> int | float | None:
    value = item.value
    return value if isinstance(value, (int, float)) else None
