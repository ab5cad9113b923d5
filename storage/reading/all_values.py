"""Trials with all of their values in one frame, from the rows of one statement."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.database.connections import Database
from trialstore.storage.values.checks import check_flag
from trialstore.storage.values.readers import TYPED, ValueReader

from .frames import results_frame, utc_column, wide_columns

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

    parts: dict[str, list[tuple[Any, ...]]] = {part: [] for part in (TRIAL, CONFIG, RESULT, *MORE)}
    for row in database.read_one(lambda tx: tx.tuples("trial_list_with_values", **params)):
        parts[row[0]].append(row)
    trials = sorted(parts.pop(TRIAL), key=itemgetter(1))
    values = {part: [row[1:5] for row in rows] for part, rows in parts.items()}
    columns_of_trials = zip(*trials, strict=True) if trials else [()] * 12
    _, ids, _, _, _, configs, runners, contexts, starts, ends, queued, status = columns_of_trials
    own = list(zip(ids, configs, runners, starts, ends, status, strict=True))
    results = results_frame(own, values[CONFIG], values[RESULT], database.dialect, reader, exact=exact)
    columns: dict[str, Any] = {}
    for part, prefix in MORE.items():
        columns |= wide_columns(prefix, values[part], contexts if part == "context" else ids, reader, exact=exact)
    waited_since = utc_column(database.dialect.columns.numpy_times(queued))
    columns["duration_s"] = (results["ts_end"] - results["ts_start"]).dt.total_seconds()
    columns["queued_s"] = (results["ts_start"] - waited_since).dt.total_seconds()
    found: pd.DataFrame = pd.concat([results, pd.DataFrame(columns)], axis=1)
    return found
