"""A process in which all is otherwise that its host could have changed: locale, time zone, optimisation, warnings, the
contexts and options of NumPy, pandas and decimal, adapters of sqlite3, the defaults of DuckDB's database.

Run as `python -OO -W error -m engines.otherwise CONFIG`, it prints what `story` returns.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import locale
import math
import os
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import AlreadyCompleted, SqlStorage, Status

VALUES: list[Any] = [1, 2**70, 0.1, 1e-300, 5e-324, math.pi, math.inf, True, False, None, "", "ä€𝄞", "1,5", "'\\\"%"]

SQLITE_FILE = (
    *("PRAGMA encoding = 'UTF-16'", "PRAGMA page_size = 512", "PRAGMA auto_vacuum = FULL", "PRAGMA user_version = 7"),
    *("PRAGMA application_id = 9", "PRAGMA journal_mode = TRUNCATE", "CREATE TABLE of_another_one (a TEXT)"),
)
DUCKDB_DEFAULTS = {
    "default_order": "'desc'",
    "default_null_order": "'nulls_first'",
    "default_collation": "'NOCASE'",
    "preserve_identifier_case": "false",
    "preserve_insertion_order": "false",
    "integer_division": "true",
    "ieee_floating_point_ops": "false",
    "old_implicit_casting": "true",
    "order_by_non_integer_literal": "true",
    "scalar_subquery_error_on_multiple_rows": "false",
    "arrow_large_buffer_size": "true",
    "arrow_output_list_view": "true",
    "produce_arrow_string_view": "true",
    "arrow_lossless_conversion": "true",
    "immediate_transaction_mode": "true",
    "enable_optimizer": "false",
    "threads": "1",
    "memory_limit": "'100MB'",
    "TimeZone": "'Asia/Kathmandu'",
    "Calendar": "'japanese'",
    "enable_external_access": "false",
}
"""Not among them is errors_as_json, under which SQLAlchemy's dialect of DuckDB opens no connection."""


def story(config: dict[str, Any]) -> Any:
    """What an experiment was and is, in all the ways to read it, as JSON would tell it."""
    told: list[Any] = []
    with SqlStorage(config) as storage:
        targets: Any = {"score": "min", "cost": "max"}
        tunables: Any = {"n": 0, "ratio": 0.5}
        with make_experiment(storage, tunables=tunables, opt_targets=targets, opt_weights={"cost": 0.1}) as experiment:
            trials = [experiment.new_trial({"n": n}, at(n), {"list": VALUES, "n": n}) for n in range(12)]
            values = {f"v{place}": value for place, value in enumerate(VALUES)}
            finish(trials[0], **values, A=1, a=2, cost=0.25)
            points = [(at(place), f"m{place % 2}", value) for place, value in enumerate(VALUES)]
            trials[1].update_telemetry(Status.RUNNING, at(1), [*points, (at(0), "M0", 0.5)])
            claimed = experiment.claim_trials(3, limit=3)
            told += [[trial.trial_id for trial in claimed], experiment.release_expired(at(10**10))]
            told.append(experiment.cancel_trials([7, 6]))
            try:
                trials[0].update(Status.FAILED, at(5))
            except AlreadyCompleted as exc:
                told.append(exc.message)
            told += [experiment.load(), experiment.load_telemetry(2)]
            told.append([trial.config() for trial in experiment.pending_trials(at(9), running=True)])
            told.append(dict(experiment.opt_targets))
        with make_experiment(storage, "exp", tunables=tunables, opt_targets=targets) as other:
            other.merge(["Exp"])
            told.append(other.load())
        data = storage.experiments["Exp"]
        told += [sorted(storage.experiments), list(data.trials), data.objective_weights]  # type: ignore[attr-defined]
        now = dt.datetime.now(dt.timezone.utc)
        told.append([abs((data.trials[n].ts_end - now).total_seconds()) < 600 for n in (6, 7)])  # type: ignore[operator]
        told += [data.results_df.drop(columns="ts_end").astype(object).values.tolist(), list(data.results_df.columns)]
        told += [data.trials[2].telemetry_df.astype(object).values.tolist(), data.trials[1].results_dict]
        told.append(data.results_arrow().drop_columns("ts_end").to_pydict())
        told += [data.telemetry_arrow().to_pydict()]
        told += [batch.to_pydict() for batch in data.trials[2].telemetry_batches(4)]
    return json.loads(json.dumps(told, default=str))


def set_against(config: dict[str, Any]) -> Any:
    """Change the process, and the database before it is used; what must stay open meanwhile."""
    import numpy as np
    import pandas as pd

    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    np.seterr(all="raise")
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.prec = 2
        context.traps[decimal.Inexact] = True
    for option, value in {"future.infer_string": True, "mode.copy_on_write": True, "display.precision": 1}.items():
        with suppress(pd.errors.OptionError, Warning):  # which some versions do not have any more
            pd.set_option(option, value)
    return _sqlite_against(config) if config["drivername"] == "sqlite" else _duckdb_against(config)


def _sqlite_against(config: dict[str, Any]) -> None:
    sqlite3.enable_callback_tracebacks(True)
    for kind in (bool, float, dt.datetime, dt.date, decimal.Decimal):
        sqlite3.register_adapter(kind, lambda value: f"adapted {value}")
    for name in ("TEXT", "INTEGER", "TIMESTAMP", "DATETIME", "VARCHAR", "FLOAT", "REAL"):
        sqlite3.register_converter(name, lambda value: f"converted {value!r}")
    if "database" in config:
        with closing(sqlite3.connect(config["database"], isolation_level=None)) as connection:
            for statement in SQLITE_FILE:
                connection.execute(statement)


def _duckdb_against(config: dict[str, Any]) -> Any:
    """Another user's connection to the database, through which its defaults were changed."""
    opened = SqlStorage({**config, "lazy_schema_create": True})
    driver: Any = opened.database.engine.raw_connection().driver_connection
    other = driver.duplicate()
    known = {name for (name,) in other.execute("SELECT name FROM duckdb_settings()").fetchall()}
    for name, value in DUCKDB_DEFAULTS.items():
        if name in known:
            other.execute(f"SET GLOBAL {name} = {value}")
    return opened, other


def main() -> None:
    """Tell the story."""
    config = json.loads(sys.argv[1])
    kept = set_against(config)
    print(json.dumps(story(config)))
    del kept


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
