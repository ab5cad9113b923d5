"""Data frames from stored rows. pandas is imported when a frame is asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .base_experiment_data import ExperimentData
from .rows import Stored
from .values import parse_untyped

if TYPE_CHECKING:
    import pandas as pd

_EXACT_IN_FLOAT = 2**53
_INT64 = 2**63


def named_values(column: str, values: Mapping[str, Stored]) -> pd.DataFrame:
    """Two columns, `column` and `value`; a value without a stored type is the text that the reference wrote."""
    import pandas as pd

    shown = pd.Series([item.shown for item in values.values()], dtype=object)
    frame: pd.DataFrame = pd.DataFrame({column: pd.Series(list(values), dtype=object), "value": shown})
    return frame


def telemetry_frame(times: Sequence[dt.datetime], metrics: Sequence[str], shown: Sequence[Any]) -> pd.DataFrame:
    """Columns `ts` (UTC), `metric`, `value`, one row per point."""
    import pandas as pd

    frame: pd.DataFrame = pd.DataFrame(
        {
            "ts": _times(times),
            "metric": pd.Series(metrics, dtype=object),
            "value": pd.Series(shown, dtype=object),
        }
    )
    return frame


def results_frame(
    trials: Sequence[Any],
    groups: Mapping[int, int],
    configs: Mapping[int, Mapping[str, Stored]],
    results: Mapping[int, Mapping[str, Stored]],
    decode_ts: Callable[[Any], dt.datetime],
) -> pd.DataFrame:
    """One row per trial: its own columns, then `config.*`, then `result.*`, each sorted by name.

    Args:
        trials: Rows `trial_id, config_id, trial_runner_id, ts_start, ts_end, status`, in order.
        groups: Config id → trial group id.
        configs: Config id → values.
        results: Trial id → metrics.
        decode_ts: From the column's value to UTC time.
    """
    import pandas as pd

    columns: dict[str, Any] = {
        "trial_id": pd.Series([row.trial_id for row in trials], dtype="int64"),
        "ts_start": _times([decode_ts(row.ts_start) for row in trials]),
        "ts_end": _times([None if row.ts_end is None else decode_ts(row.ts_end) for row in trials]),
        "tunable_config_id": pd.Series([row.config_id for row in trials], dtype="int64"),
        "tunable_config_trial_group_id": pd.Series([groups[row.config_id] for row in trials], dtype="int64"),
        "status": pd.Series([row.status for row in trials], dtype=object),
        "trial_runner_id": pd.Series([row.trial_runner_id for row in trials], dtype="Int64"),
    }
    by_trial = [configs.get(row.config_id, {}) for row in trials]
    columns |= _wide(ExperimentData.CONFIG_COLUMN_PREFIX, by_trial)
    columns |= _wide(ExperimentData.RESULT_COLUMN_PREFIX, [results.get(row.trial_id, {}) for row in trials])
    frame: pd.DataFrame = pd.DataFrame(columns)
    return frame


def _times(moments: Sequence[dt.datetime | None]) -> Any:
    """A UTC column in microseconds, which unlike pandas' older nanoseconds hold any year."""
    import numpy as np
    import pandas as pd

    naive = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    return pd.Series(np.array(naive, dtype="datetime64[us]")).dt.tz_localize("UTC")


def _wide(prefix: str, by_row: Sequence[Mapping[str, Stored]]) -> dict[str, Any]:
    names = sorted({name for values in by_row for name in values})
    return {f"{prefix}{name}": _column([values.get(name) for values in by_row]) for name in names}


def _column(items: Sequence[Stored | None]) -> Any:
    """One column, numeric where every value that is there is a number; text of the reference counts if it looks like
    one."""
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
    return item.kind in ("i", "f") or (item.kind is None and not isinstance(parse_untyped(item.text or ""), str))


def _number(item: Stored) -> int | float | None:
    value = item.value
    return value if isinstance(value, (int, float)) else None
