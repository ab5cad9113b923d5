"""Queries on the views, and what of the tables below an engine would read for them."""

from __future__ import annotations

import re

from plans.scans import CHECKS, Keys
from trialstore.sql.catalogue import EXPLAIN, Statement
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage

ONE = "exp_id = 'experiment_8'"
TRIAL = f"{ONE} AND trial_id = 1500"
QUERIES = {
    "an experiment": f"SELECT * FROM v_experiment WHERE {ONE}",
    "a trial": f"SELECT * FROM v_trial WHERE {TRIAL}",
    "trials": f"SELECT trial_id, group_id, status, duration_s, queued_s, git_commit FROM v_trial WHERE {ONE}",
    "a config": "SELECT * FROM v_config WHERE config_id = 700",
    "parameters of a trial": f"SELECT * FROM v_param WHERE {TRIAL}",
    "metadata": f"SELECT trial_id, number FROM v_param WHERE {ONE} AND kind = 'metadata' AND name = 'name_1'",
    "a metric": f"SELECT * FROM v_result WHERE {ONE} AND metric = 'name_1'",
    "a mean": f"SELECT avg(number), max(number) FROM v_result WHERE {ONE} AND metric = 'name_1'",
    "telemetry": f"SELECT * FROM v_telemetry WHERE {TRIAL} AND metric = 'name_1'",
    "events": f"SELECT * FROM v_status WHERE {TRIAL}",
    "attributes": f"SELECT * FROM v_attribute WHERE {ONE}",
}
SCANNING = {
    "numbers": "SELECT * FROM v_result WHERE number > 5",
    "a metric of all": "SELECT * FROM v_telemetry WHERE metric = 'name_1'",
}
"""Queries that no key limits, which must be caught."""


def scans_of(storage: SqlStorage, keys: Keys, query: str) -> list[str]:
    """Large tables that the engine would read whole for a query on views."""
    dialect, catalogue = storage.database.dialect, storage.database.statements.catalogue
    asking = catalogue[EXPLAIN].sql.removesuffix("SELECT 1")
    # A plan calls tables as the views do.
    migrations = load_migrations(dialect.migrations_folder)
    views = [sql for one in migrations for sql in one.statements if (name := _view(sql)) and name in query]
    statement = Statement("query", "many", (), "", "\n".join([query, *views]), "")
    with storage.database.engine.connect() as connection:
        rows = connection.exec_driver_sql(asking + query).fetchall()
    return list(CHECKS[dialect.name](statement, rows, keys))


def _view(sql: str) -> str:
    match = re.match(r"CREATE .*?VIEW (\w+)", sql)
    return match[1] if match else ""
