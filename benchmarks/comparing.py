"""One engine from the first operation to the last: databases, sides, and what they leave behind."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from importlib import import_module
from typing import Any

from . import data, operations
from .contestant import Contestant
from .databases import Config, Databases
from .filling import connected, fill
from .measuring import Here, Measured, Timed, measure
from .operations import Sizes
from .ours import Ours

FLOORS = {
    "sqlite": ("floor_sqlite", "SQLiteFloor"),
    "postgresql": ("floor_postgresql", "PostgresqlFloor"),
    "mysql": ("floor_mysql", "MysqlFloor"),
    "duckdb": ("floor_duckdb", "DuckdbFloor"),
}
EXPERIMENT = "bench"
Told = Callable[[Measured], None]
PeersOf = Callable[[], Sequence[Timed]]


def floor_class(engine: str) -> Callable[[Config], Contestant]:
    """The floor of an engine, whose driver is imported now."""
    module, name = FLOORS[engine]
    found: Callable[[Config], Contestant] = getattr(import_module(f"benchmarks.{module}"), name)
    return found


@contextmanager
def one(
    kind: Callable[[Config], Contestant], engine: str, databases: Databases, trials: int = 0, due: int = 0
) -> Iterator[Contestant]:
    """A side on a database of its own, in an experiment of so many trials, the last of which are due."""
    config = databases.create()
    with closing(Ours(config)) as first:  # makes the schema, for the floor as well
        first.enter(EXPERIMENT)
    if trials:
        fill(config, engine, EXPERIMENT, trials, due)
    with closing(kind(config)) as side:
        side.enter(EXPERIMENT)
        yield side


@contextmanager
def both(engine: str, databases: Databases, trials: int = 0, due: int = 0) -> Iterator[tuple[Contestant, Contestant]]:
    """The library and the floor."""
    with (
        one(Ours, engine, databases, trials, due) as ours,
        one(floor_class(engine), engine, databases, trials, due) as floor,
    ):
        yield ours, floor


def compare(engine: str, databases: Databases, sizes: Sizes, peers: Sequence[Timed], told: Told) -> list[Measured]:
    """Measure all operations of an engine."""
    found: list[Measured] = []
    with both(engine, databases) as sides:
        found += measure(operations.writes(sizes), [*map(Here, sides), *peers], told)
    for trials in sizes.table:
        with both(engine, databases, trials, sizes.due) as sides:
            found += measure(operations.of_table(sizes, trials), [*map(Here, sides), *peers], told)
    for trials in sizes.load:
        with both(engine, databases, trials) as sides:
            found += measure(operations.of_ended(sizes, trials), [*map(Here, sides), *peers], told)
    with both(engine, databases) as sides:
        for side in sides:
            operations.write_points(side, sizes.telemetry_df)
        found += measure(operations.of_points(sizes), [*map(Here, sides), *peers], told)
        for side in sides:
            for number in range(sizes.experiments - 1):
                side.enter(f"{EXPERIMENT}_{number}")
        found += measure(operations.of_experiments(sizes), [*map(Here, sides), *peers], told)
    return found


def flat(engine: str, databases: Databases, sizes: Sizes, told: Told) -> list[Measured]:
    """What single calls cost in experiments of several sizes, in turns; sides are the library at each size."""
    with ExitStack() as stack:
        sides = [
            _At(stack.enter_context(one(Ours, engine, databases, trials, sizes.due)), trials) for trials in sizes.flat
        ]
        chosen = [each for each in operations.writes(sizes) if each.name.split()[0] in ("new_trial", "start", "finish")]
        claim = operations.of_table(sizes, sizes.flat[0])[1]
        return measure([*chosen, dataclasses.replace(claim, name="claim_trials")], sides, told)


class _At(Here):
    """The library in an experiment of so many trials."""

    def __init__(self, contestant: Contestant, trials: int) -> None:
        super().__init__(contestant)
        self.label = str(trials)


# --- the honesty check ------------------------------------------------------------------------------------------------

TABLES = {
    "experiment": "exp_id, description, root_env_config, git_repo",
    "objectives": "exp_id, optimization_target, optimization_direction, weight",
    "config": "config_id, config_hash",
    "config_param": "config_id, param_id, param_value, value_type",
    "trial": (
        "exp_id, trial_id, config_id, ts_start, ts_end, status, trial_runner_id, lease_fence, length(creation_id), "
        "length(claim_id), CASE WHEN lease_ends IS NULL THEN 0 ELSE 1 END"
    ),
    "trial_param": "exp_id, trial_id, param_id, param_value, value_type",
    # When a trial was claimed is told by the clock.
    "trial_status": "exp_id, trial_id, CASE WHEN status = 'READY' THEN NULL ELSE ts END, status",
    "trial_result": "exp_id, trial_id, metric_id, metric_value, value_type",
    "trial_telemetry": "exp_id, trial_id, ts, metric_id, metric_value, value_type",
    "experiment_attribute": "exp_id, attribute_id, attribute_value, value_type",
    "trial_attribute": "exp_id, trial_id, attribute_id, attribute_value, value_type",
    "trial_lineage": "exp_id, trial_id, source_exp_id, source_trial_id",
}
"""Each table, and of its columns what is the same after the same calls.

What trials run on is stored by the library alone, which is part of what it costs more than its floor.
"""


def same_calls(side: Contestant) -> dict[str, Any]:
    """A call of each kind; what those that read return, in a form that can be compared."""
    made = [side.new_trial(data.tunables(1), data.BEGIN, data.metadata(1))]
    made += operations.new_trials(side, 1, 3)  # the first of them has a config that is there
    for number, trial in enumerate(made[:3]):
        side.start(trial, data.moment(number))
        for _ in range(2):
            side.telemetry(trial, data.moment(number, 1), data.points(1 + 30 * number, number))
    side.telemetry(made[0], data.moment(9), data.points(2500))
    for number, trial in enumerate(made[:2]):
        side.finish(trial, data.moment(100 + number), data.metrics(number))
    pending = len(side.pending())
    claimed = side.claim(1)
    ids, configs, scores, status = side.load()
    return {
        "pending": pending,
        "claimed": len(claimed),
        "load": (ids, configs, scores, status),
        "experiments": list(side.experiments()),
    }


def stored_rows(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    """Table → its rows in order, without what the clock and the dice say."""
    found = {}
    with connected(config) as execute:
        for table, columns in TABLES.items():
            cursor = execute(f"SELECT {columns} FROM {table}")  # noqa: S608
            found[table] = sorted((tuple(map(_plain, row)) for row in cursor.fetchall()), key=repr)
    return found


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def honesty(engine: str, databases: Databases) -> list[str]:
    """Where the library and the floor differ after the same calls: tables by name, and what was read."""
    with both(engine, databases) as (ours, floor):
        answers = [same_calls(side) for side in (ours, floor)]
        frames = [(side.results_df(), side.telemetry_df(1)) for side in (ours, floor)]
    rows = [stored_rows(side.config) for side in (ours, floor)]
    differing = [f"table {table}" for table in TABLES if rows[0][table] != rows[1][table]]
    differing += [name for name in answers[0] if answers[0][name] != answers[1][name]]
    for name, one, other in zip(("results_df", "telemetry_df"), *frames, strict=True):
        if not (one.equals(other) and list(one.dtypes) == list(other.dtypes)):
            differing.append(name)
    return differing
