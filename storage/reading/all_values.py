"""Trials with all of their values in one frame, from the rows of one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.database.connections import Database
from trialstore.storage.values.checks import check_flag
from trialstore.storage.values.readers import TYPED, ValueReader

from .frames import results_frame, wide_columns

if TYPE_CHECKING:
    import pandas as pd

TRIAL, CONFIG, RESULT = "trial", "config", "result"
"""Parts of the rows of `trial_list_with_values`."""
MORE = {
    "metadata": ExperimentData.METADATA_COLUMN_PREFIX,
    "attribute": ExperimentData.ATTRIBUTE_COLUMN_PREFIX,
    "context": ExperimentData.CONTEXT_COLUMN_PREFIX,
}
"""Other parts → how their columns begin."""


def wanted(experiment_id: str, *, metadata: bool, attributes: bool) -> dict[str, Any]:
    """What the statement is given. Raises ValueRejected for what is no bool."""
    return {
        "exp_id": experiment_id,
        "with_metadata": int(check_flag(metadata, "metadata")),
        "with_attributes": int(check_flag(attributes, "attributes")),
    }


def frame(database: Database, params: dict[str, Any], reader: ValueReader = TYPED, *, exact: bool) -> pd.DataFrame:
    """The frame of `ExperimentData.trials_df`."""
    import pandas as pd

    parts: dict[str, list[Any]] = {part: [] for part in (TRIAL, CONFIG, RESULT, *MORE)}
    for part, *row in database.read_one(lambda tx: tx.tuples("trial_list_with_values", **params)):
        parts[part].append(row)
    trials = sorted(parts[TRIAL], key=lambda row: row[0])
    values = {part: [row[:4] for row in parts[part]] for part in (CONFIG, RESULT, *MORE)}
    own = [
        (trial, config, runner, start, end, status) for trial, *_, config, runner, _, start, end, _, status in trials
    ]
    results = results_frame(own, values[CONFIG], values[RESULT], database.dialect, reader, exact=exact)
    ids, contexts = [row[0] for row in trials], [row[6] for row in trials]
    columns: dict[str, Any] = {}
    for part, prefix in MORE.items():
        keys = contexts if part == "context" else ids
        columns |= wide_columns(prefix, values[part], keys, reader, exact=exact)
    queued = database.dialect.columns.numpy_times([row[9] for row in trials])
    start = results["ts_start"].dt.tz_localize(None)
    columns["duration_s"] = (results["ts_end"] - results["ts_start"]).dt.total_seconds()
    columns["queued_s"] = (start - pd.Series(queued, dtype="datetime64[us]")).dt.total_seconds()
    found: pd.DataFrame = pd.concat([results, pd.DataFrame(columns)], axis=1)
    return found
