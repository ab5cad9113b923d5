"""The floor: what the library's calls need at least, by hand, with the bare driver.

The same tables, rows and checks as the library's, one transaction a call that changes something, a snapshot for a call
that reads several tables; one statement after the other, many rows at once by what the driver is fastest at. Sending
several statements at once would be faster still: whoever does that is below the floor. What the library does for its
users beyond that is left out: checks of what they pass, retries, errors told in plain words.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from . import data, floor_sql
from .contestant import LEASE, RUNNER, Contestant
from .floor_frames import results_frame, telemetry_frame

KINDS = {int: "i", float: "f", bool: "b", str: "s"}
DECODE: dict[str | None, Any] = {
    "i": int,
    "f": float,
    "b": "True".__eq__,
    "s": str,
    "j": json.loads,
}
Row = tuple[Any, ...]


class Floor(Contestant):
    """What the engines have in common: which statements make up a call, and what becomes of their rows."""

    label = "floor"
    SQL: ClassVar[floor_sql.Statements]

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.connect()

    # --- what differs by driver ---------------------------------------------------------------------------------------

    @abstractmethod
    def connect(self) -> None:
        """Connect, with the settings that the library makes."""

    @abstractmethod
    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run a statement inside a transaction that writes; its rows."""

    @abstractmethod
    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement inside a transaction that writes; how many rows it changed."""

    @abstractmethod
    def many(self, table: str, rows: list[Row]) -> None:
        """Insert rows into one of the tables of `floor_sql.COLUMNS`, the fastest way."""

    @abstractmethod
    def new_id(self, digest: str) -> int:
        """Insert a config; its id."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that writes, unless the driver does that by itself."""

    @abstractmethod
    def commit(self) -> None:
        """Commit it."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo it."""

    @abstractmethod
    def read(self, *statements: tuple[str, Sequence[Any]]) -> list[list[Row]]:
        """Run statements that read, in one snapshot if there are several."""

    def encode_ts(self, moment: dt.datetime) -> Any:
        """The value of a column of times."""
        return moment.replace(tzinfo=None)

    def ids(self, ids: list[int]) -> Any:
        """A list of ids, as the statements that take one expect it."""
        return json.dumps(ids)

    def lease(self) -> Any:
        """The length of a lease."""
        return LEASE // dt.timedelta(microseconds=1)

    # --- writing ------------------------------------------------------------------------------------------------------

    def enter(self, exp_id: str) -> None:
        self.exp_id = exp_id
        self.begin()
        if not self.rows(self.SQL.lock, (exp_id,)):
            self.run(self.SQL.experiment, (exp_id, "a benchmark", "", "", ""))
            for target, direction in data.OBJECTIVES.items():
                self.run(self.SQL.objective, (exp_id, target, direction, None))
        self.commit()

    def new_trial(self, tunables: data.Tunables, ts_start: dt.datetime, metadata: data.Metadata) -> Any:
        digest, params, notes = config_hash(tunables), encoded(tunables), encoded(metadata)
        call_id, ts = secrets.token_hex(8), self.encode_ts(ts_start)
        self.begin()
        trial_id = self.next_id()
        found = self.rows(self.SQL.config_find, (digest,))
        if found:
            config_id = found[0][0]
        else:
            config_id = self.new_id(digest)
            self.many("config_param", [(config_id, *each) for each in params])
        self.run(self.SQL.trial, (self.exp_id, trial_id, config_id, ts, "PENDING", call_id))
        if notes:
            self.many("trial_param", [(self.exp_id, trial_id, *each) for each in notes])
        self.commit()
        return trial_id, 0

    def new_trials(self, wanted: list[tuple[data.Tunables, dt.datetime, data.Metadata]]) -> list[Any]:
        drafts = [
            (config_hash(tunables), encoded(tunables), self.encode_ts(ts), encoded(metadata))
            for tunables, ts, metadata in wanted
        ]
        call_id = secrets.token_hex(8)
        self.begin()
        first = self.next_id()
        configs = self.configs({digest: params for digest, params, _, _ in drafts})
        self.many(
            "trial",
            [
                (self.exp_id, trial_id, configs[digest], ts, "PENDING", call_id)
                for trial_id, (digest, _, ts, _) in enumerate(drafts, first)
            ],
        )
        notes = [(self.exp_id, trial_id, *each) for trial_id, draft in enumerate(drafts, first) for each in draft[3]]
        if notes:
            self.many("trial_param", notes)
        self.commit()
        return [(trial_id, 0) for trial_id in range(first, first + len(drafts))]

    def next_id(self) -> int:
        """The id of the next trial, which nobody else gets."""
        if not self.rows(self.SQL.lock, (self.exp_id,)):
            raise LookupError(self.exp_id)
        return (self.rows(self.SQL.last, (self.exp_id,))[0][0] or 0) + 1

    def configs(self, wanted: dict[str, list[Row]]) -> dict[str, int]:
        """Hash → id, of configs that are stored unless they are there."""
        found = self.find_configs(list(wanted))
        if missing := [digest for digest in wanted if digest not in found]:
            self.many("config", [(digest,) for digest in missing])
            found |= self.find_configs(missing)
            self.many("config_param", [(found[digest], *each) for digest in missing for each in wanted[digest]])
        return found

    def find_configs(self, digests: list[str]) -> dict[str, int]:
        """Hash → id, as far as they are there."""
        marks = ", ".join([self.SQL.mark] * len(digests))
        return dict(self.rows(self.SQL.config_find_all.replace("()", f"({marks})"), digests))

    def start(self, trial: Any, ts: dt.datetime) -> None:
        trial_id, fence = trial
        moment = self.encode_ts(ts)
        self.begin()
        if not self.run(self.SQL.start, ("RUNNING", moment, self.exp_id, trial_id, fence)):
            self.rollback()
            raise LookupError(trial_id)
        self.run(self.SQL.event, (self.exp_id, trial_id, moment, "RUNNING"))
        self.commit()

    def finish(self, trial: Any, ts: dt.datetime, metrics: dict[str, Any]) -> None:
        trial_id, fence = trial
        moment = self.encode_ts(ts)
        results = [(self.exp_id, trial_id, *each) for each in encoded(metrics)]
        self.begin()
        if not self.run(self.SQL.finish, ("SUCCEEDED", moment, self.exp_id, trial_id, fence)):
            self.rollback()
            raise LookupError(trial_id)
        self.run(self.SQL.event, (self.exp_id, trial_id, moment, "SUCCEEDED"))
        self.many("trial_result", results)
        self.commit()

    def telemetry(self, trial: Any, ts: dt.datetime, points: data.Points) -> None:
        trial_id, fence = trial
        exp_id, encode_ts, moment = self.exp_id, self.encode_ts, self.encode_ts(ts)
        rows = [
            (exp_id, trial_id, encode_ts(at), metric, str(value), KINDS[type(value)]) for at, metric, value in points
        ]
        self.begin()
        (held,) = self.rows(self.SQL.holder, (exp_id, trial_id))[0]
        if held != fence:
            self.rollback()
            raise LookupError(trial_id)
        self.run(self.SQL.sign_of_life, (exp_id, trial_id, moment, "RUNNING"))
        self.many("trial_telemetry", rows)
        self.commit()

    def claim(self, limit: int) -> list[Any]:
        key = self.exp_id
        self.begin()
        found = self.rows(self.SQL.claim_find, (key, RUNNER, limit))
        if not found:
            self.rollback()
            return []
        ids = self.ids([row[0] for row in found])
        self.run(self.SQL.claim_take, self.SQL.taking(key, ids, RUNNER, self.lease(), secrets.token_hex(8)))
        self.run(self.SQL.claim_event, self.SQL.events(key, ids, "READY"))
        configs = by_first(self.rows(self.SQL.params_of, self.SQL.listed(key, ids)))
        notes = by_first(self.rows(self.SQL.notes_of, self.SQL.listed(key, ids)))
        self.commit()
        return [
            (trial_id, fence, {**data.DEFAULTS, **configs[config_id]}, notes.get(trial_id, {}))
            for trial_id, config_id, fence in found
        ]

    # --- reading ------------------------------------------------------------------------------------------------------

    def pending(self) -> list[Any]:
        args = (self.exp_id, self.encode_ts(data.DUE_BY))
        trials, params, notes_rows = self.read(
            (self.SQL.pending, args), (self.SQL.pending_params, args), (self.SQL.pending_notes, args)
        )
        configs, notes = by_first(params), by_first(notes_rows)
        return [
            (trial_id, runner, {**data.DEFAULTS, **configs[config_id]}, notes.get(trial_id, {}), status)
            for trial_id, config_id, runner, status in trials
        ]

    def load(self) -> tuple[list[int], list[dict[str, Any]], list[dict[str, Any] | None], list[str]]:
        args = (self.exp_id, -1)
        trials, params, results = self.read(
            (self.SQL.load, args), (self.SQL.load_params, args), (self.SQL.load_results, args)
        )
        configs, scores = by_first(params), by_first(results)
        return (
            [row[0] for row in trials],
            [dict(configs[row[1]]) for row in trials],
            [scores.get(row[0], {}) if row[2] == "SUCCEEDED" else None for row in trials],
            [row[2] for row in trials],
        )

    def results_df(self) -> Any:
        args = (self.exp_id,)
        trials, params, results = self.read(
            (self.SQL.trials, args), (self.SQL.all_params, args), (self.SQL.all_results, args)
        )
        return results_frame(trials, params, results, self.times)

    def telemetry_df(self, trial_id: int) -> Any:
        (points,) = self.read((self.SQL.telemetry, (self.exp_id, trial_id)))
        return telemetry_frame(points, self.times)

    def times(self, values: Sequence[Any]) -> Any:
        """An array of UTC times of the values of a column."""
        import numpy as np

        return np.array(values, dtype="datetime64[us]")

    def experiments(self) -> dict[str, Any]:
        (found,) = self.read((self.SQL.experiments, ()))
        return {row[0]: row for row in found}


def config_hash(tunables: data.Tunables) -> str:
    """As the library finds configs again."""
    text = "\n".join([f"{name!r}={tunables[name]!r}" for name in sorted(tunables)])
    return hashlib.sha256(text.encode()).hexdigest()


def encoded(values: dict[str, Any]) -> list[Row]:
    """Name, text and type of each value."""
    return [(name, str(value), KINDS[type(value)]) for name, value in values.items()]


def by_first(rows: Iterable[Row]) -> dict[Any, dict[str, Any]]:
    """First column → name → value, of rows with the columns name, text and type after that one."""
    found: dict[Any, dict[str, Any]] = {}
    for key, name, text, kind in rows:
        values = found.get(key)
        if values is None:
            values = found[key] = {}
        values[name] = DECODE[kind](text)
    return found
