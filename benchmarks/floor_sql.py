# ruff: noqa: S608 - the texts are put together of constants
"""The floor's statements. Those that all engines take are here, with `?` where values go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

COLUMNS = {
    "config": ("config_hash",),
    "config_param": ("config_id", "param_id", "param_value", "value_type"),
    "trial": ("exp_id", "trial_id", "config_id", "ts_start", "status", "creation_id"),
    "trial_param": ("exp_id", "trial_id", "param_id", "param_value", "value_type"),
    "trial_result": ("exp_id", "trial_id", "metric_id", "metric_value", "value_type"),
    "trial_telemetry": ("exp_id", "trial_id", "ts", "metric_id", "metric_value", "value_type"),
}
"""Tables that get many rows in a call, and the columns that get values."""

_STATE = "CASE WHEN lease_ends IS NULL THEN 0 ELSE lease_fence END"
_DUE = "exp_id = ? AND status = 'PENDING' AND ts_start <= ? AND ts_end IS NULL"
_ENDED = "exp_id = ? AND trial_id > ? AND status IN ('SUCCEEDED', 'FAILED', 'TIMED_OUT')"
_PARAMS = (
    "SELECT c.config_id, p.param_id, p.param_value, p.value_type FROM "
    "(SELECT DISTINCT config_id FROM trial WHERE {}) c JOIN config_param p ON p.config_id = c.config_id"
)


def insert(table: str) -> str:
    """INSERT of one row."""
    columns = COLUMNS[table]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


@dataclass(frozen=True)
class Statements:
    """Each statement of the floor, in the order in which calls need them."""

    # What differs by engine: how ids are listed, and what the clock says.
    claim_find: str
    claim_take: str
    claim_event: str
    params_of: str
    notes_of: str
    # The order in which those take exp_id, ids, …
    taking: Callable[..., tuple[Any, ...]]
    events: Callable[..., tuple[Any, ...]]
    listed: Callable[..., tuple[Any, ...]] = lambda key, ids: (key, ids)

    mark: str = "?"
    history: str = "SELECT version, slug, checksum, state FROM trialstore_schema ORDER BY version"
    lock: str = "SELECT exp_id FROM experiment WHERE exp_id = ? FOR UPDATE"
    last: str = "SELECT max(trial_id) FROM trial WHERE exp_id = ?"
    experiment: str = (
        "INSERT INTO experiment (exp_id, description, root_env_config, git_repo, git_commit) VALUES (?, ?, ?, ?, ?)"
    )
    objective: str = (
        "INSERT INTO objectives (exp_id, optimization_target, optimization_direction, weight) VALUES (?, ?, ?, ?)"
    )
    config_find: str = "SELECT config_id FROM config WHERE config_hash = ?"
    config_find_all: str = "SELECT config_hash, config_id FROM config WHERE config_hash IN ()"
    trial: str = insert("trial")
    start: str = (
        "UPDATE trial SET status = ?, ts_start = ? WHERE exp_id = ? AND trial_id = ? AND ts_end IS NULL "
        f"AND status NOT IN ('RUNNING', 'SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT') AND {_STATE} = ?"
    )
    finish: str = (
        "UPDATE trial SET status = ?, ts_end = ?, lease_ends = NULL WHERE exp_id = ? AND trial_id = ? "
        f"AND ts_end IS NULL AND status NOT IN ('SUCCEEDED', 'CANCELED', 'FAILED', 'TIMED_OUT') AND {_STATE} = ?"
    )
    holder: str = f"SELECT {_STATE} FROM trial WHERE exp_id = ? AND trial_id = ?"
    event: str = (
        "INSERT INTO trial_status (exp_id, trial_id, ts, status) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (exp_id, trial_id, ts) DO UPDATE SET status = excluded.status"
    )
    sign_of_life: str = (
        "INSERT INTO trial_status (exp_id, trial_id, ts, status) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (exp_id, trial_id, ts) DO NOTHING"
    )
    pending: str = f"SELECT trial_id, config_id, trial_runner_id, status FROM trial WHERE {_DUE} ORDER BY trial_id"
    pending_params: str = _PARAMS.format(_DUE)
    pending_notes: str = (
        "SELECT p.trial_id, p.param_id, p.param_value, p.value_type FROM trial t "
        "JOIN trial_param p ON p.exp_id = t.exp_id AND p.trial_id = t.trial_id "
        "WHERE t.exp_id = ? AND t.status = 'PENDING' AND t.ts_start <= ? AND t.ts_end IS NULL"
    )
    load: str = f"SELECT trial_id, config_id, status FROM trial WHERE {_ENDED} ORDER BY trial_id"
    load_params: str = _PARAMS.format(_ENDED)
    load_results: str = (
        "SELECT r.trial_id, r.metric_id, r.metric_value, r.value_type FROM trial t "
        "JOIN trial_result r ON r.exp_id = t.exp_id AND r.trial_id = t.trial_id "
        "WHERE t.exp_id = ? AND t.trial_id > ? AND t.status = 'SUCCEEDED'"
    )
    trials: str = (
        "SELECT trial_id, config_id, trial_runner_id, ts_start, ts_end, status FROM trial WHERE exp_id = ? "
        "ORDER BY trial_id"
    )
    all_params: str = _PARAMS.format("exp_id = ?")
    all_results: str = "SELECT trial_id, metric_id, metric_value, value_type FROM trial_result WHERE exp_id = ?"
    telemetry: str = (
        "SELECT ts, metric_id, metric_value, value_type FROM trial_telemetry WHERE exp_id = ? AND trial_id = ? "
        "ORDER BY ts, metric_id"
    )
    experiments: str = (
        "SELECT exp_id, description, root_env_config, git_repo, git_commit FROM experiment ORDER BY exp_id"
    )

    def with_mark(self, mark: str) -> Statements:
        """The same with another sign where values go; no text of these has a question mark or a percent sign."""
        changed = {name: value.replace("?", mark) for name, value in vars(self).items() if isinstance(value, str)}
        return replace(self, **changed)
