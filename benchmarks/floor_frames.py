"""The library's data frames, made by hand of the driver's rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Row = tuple[Any, ...]
Times = Callable[[Sequence[Any]], Any]
_TRUE = "True".__eq__
_DECODE: dict[str | None, Any] = {"f": float, "i": int, "b": _TRUE, "s": str}


def results_frame(trials: list[Row], params: list[Row], results: list[Row], times: Times) -> Any:
    """A row a trial, of rows of trials, and of (config id, name, text, type) and (trial id, name, text, type)."""
    import pandas as pd

    ids, configs, runners, starts, ends, status = zip(*trials, strict=True)
    groups: dict[int, int] = {}
    for config_id, trial_id in zip(configs, ids, strict=True):
        groups.setdefault(config_id, trial_id)
    columns = {
        "trial_id": ids,
        "ts_start": _utc(times(starts)),
        "ts_end": _utc(times(ends)),
        "tunable_config_id": configs,
        "tunable_config_trial_group_id": [groups[config_id] for config_id in configs],
        "status": pd.Series(status, dtype=object),
        "trial_runner_id": pd.array(runners, dtype="Int64"),
    }
    columns |= _wide("config.", params, configs)
    columns |= _wide("result.", results, ids)
    return pd.DataFrame(columns)


def telemetry_frame(points: list[Row], times: Times) -> Any:
    """Columns ts, metric and value, of rows (ts, metric, text, type)."""
    import pandas as pd

    ts, metrics, texts, kinds = zip(*points, strict=True)
    values = pd.Series(_decoded(texts, set(kinds)) or _one_by_one(texts, kinds), dtype=object)
    return pd.DataFrame({"ts": _utc(times(ts)), "metric": pd.Series(metrics, dtype=object), "value": values})


def _wide(prefix: str, rows: list[Row], keys: Sequence[int]) -> dict[str, Any]:
    """A column a name, sorted; `keys` are the first column of the rows that belong to each trial."""
    import pandas as pd

    texts: dict[str, dict[int, str]] = {}
    kinds: dict[str, set[str | None]] = {}
    for key, name, text, kind in rows:
        if name not in texts:
            texts[name], kinds[name] = {}, set()
        texts[name][key] = text
        kinds[name].add(kind)
    columns: dict[str, Any] = {}
    for name in sorted(texts):
        by_key = texts[name]
        if all(key in by_key for key in keys):
            values = _decoded([by_key[key] for key in keys], kinds[name])
            columns[prefix + name] = pd.Series(values, dtype=object) if kinds[name] == {"s"} else values
        else:
            decode = _DECODE[next(iter(kinds[name]))]
            some = [decode(by_key[key]) if key in by_key else None for key in keys]
            columns[prefix + name] = pd.Series(some, dtype="float64" if kinds[name] <= {"i", "f"} else object)
    return columns


def _decoded(texts: Sequence[str], kinds: set[str | None]) -> list[Any]:
    """Values of one type, which is what a metric has."""
    if kinds == {"f"}:
        return list(map(float, texts))
    if kinds == {"i"}:
        return list(map(int, texts))
    if kinds == {"b"}:
        return list(map(_TRUE, texts))
    return list(texts) if kinds == {"s"} else []


def _one_by_one(texts: Sequence[str], kinds: Sequence[str | None]) -> list[Any]:
    return [_DECODE[kind](text) for text, kind in zip(texts, kinds, strict=True)]


def _utc(array: Any) -> Any:
    import pandas as pd

    return pd.Series(array).dt.tz_localize("UTC")
