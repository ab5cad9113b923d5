"""Finding trials: the statement that searches, and what of its rows becomes a data frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trialstore.dialects.errors import ExperimentMissing, ValueRejected, nearest, shown
from trialstore.sql.session import Session
from trialstore.storage.base_trial_data import TrialData
from trialstore.storage.database.connections import Database
from trialstore.storage.reading.frames import results_frame
from trialstore.storage.reading.trial_data import SqlTrialData
from trialstore.storage.values.checks import LARGEST_INT32, check_flag, check_text
from trialstore.storage.values.encoding import python_value
from trialstore.storage.values.readers import TYPED, ValueReader

from .normal import Terms, normal_form
from .parser import parse, parse_field
from .tree import All, Field

if TYPE_CHECKING:
    import pandas as pd

_LAST_ID = "\U0010ffff" * 4
"""No id of an experiment comes after this one."""
_LONGEST_ID = 512
"""Characters; some engines have shorter ids."""
_FIRST_LOOK = 500
_SLACK = 10
"""Of how many trials, the first ones in the order, a condition is first looked at: so many, and this many times as many
as are asked for."""
_SECOND_LOOK = 20_000
"""The most trials of a second look, which takes twice as many as the first one's finds say that it takes."""


class Search:
    """A search whose arguments have been checked.

    Args:
        where: The condition, in the language of docs/search.md; None for all trials.
        experiment_id: The experiment to search; None for all.
        order_by: The field to order by; None for the ids.
        descending: Whether the greatest values come first.
        limit: The most trials to find; None for all.
        offset: How many of the first ones to leave out.

    Raises:
        ValueRejected: an argument is wrong.
    """

    def __init__(
        self,
        where: str | None,
        *,
        experiment_id: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> None:
        condition = parse(where)
        self._terms: Terms = normal_form(condition)
        self._all = condition == All(())
        self._experiment = _checked_id(experiment_id)
        self._order: Field | None = None if order_by is None else parse_field(order_by, "order_by")
        self._descending = check_flag(descending, "descending")
        if self._descending and self._order is None:
            raise ValueRejected("descending is given without order_by.", "Name the field to order by.")
        self._limit = LARGEST_INT32 if limit is None else _checked_number(limit, "limit")
        self._offset = _checked_number(offset, "offset")

    def trials(self, database: Database, reader: ValueReader = TYPED) -> list[TrialData]:
        """The trials in order; one statement, up to two more where the first look was too short."""
        return [
            SqlTrialData.of(database, row.exp_id, row, row.group_id, reader)
            for row in self._checked(database, database.read(self._rows))
        ]

    def trial_ids(self, tx: Session) -> list[int]:
        """The ids of the trials in order, those of one experiment; as many statements as for `trials`."""
        return [row.trial_id for row in self._rows(tx)]

    def check_experiment(self, database: Database) -> None:
        """Raise ExperimentMissing where the experiment to search is not there; one statement."""
        self._checked(database, [])

    def frame(self, database: Database, reader: ValueReader = TYPED, *, exact: bool = False) -> pd.DataFrame:
        """The trials in order: the columns of `ExperimentData.results_df`, or with `exact` those of
        `exact_results_df`, after one of the experiments' ids; two more statements."""

        def read(tx: Session) -> tuple[Any, Any, Any]:
            rows = self._rows(tx)
            configs = json.dumps(sorted({row.config_id for row in rows}))
            trials = json.dumps([{"i": place, "e": row.exp_id, "t": row.trial_id} for place, row in enumerate(rows)])
            if not rows:
                return rows, [], []
            return rows, tx.tuples("search_params", ids=configs), tx.tuples("search_results", trials=trials)

        rows, params, results = database.read(read)
        self._checked(database, rows)
        numbered = [
            (place, row.config_id, row.trial_runner_id, row.ts_start, row.ts_end, row.status)
            for place, row in enumerate(rows)
        ]
        found = results_frame(numbered, params, results, database.dialect, reader, exact=exact)
        found["trial_id"] = [row.trial_id for row in rows]
        found["tunable_config_trial_group_id"] = [row.group_id for row in rows]
        whole = {"trial_id": "int64", "tunable_config_trial_group_id": "int64"}
        found = found.astype(whole)
        found.insert(0, "experiment_id", [row.exp_id for row in rows])
        named: pd.DataFrame = found.astype({"experiment_id": object})
        return named

    def _rows(self, tx: Session) -> Sequence[Any]:
        wanted = min(self._offset + self._limit, LARGEST_INT32)
        enough = wanted if self._all else max(_FIRST_LOOK, min(_SLACK * wanted, LARGEST_INT32))
        by = "id" if self._order is None else "any"
        if self._order is not None and self._order.source == "result" and enough < LARGEST_INT32:
            by = "result"
        rows = self._look(tx, by, enough)
        if len(rows) == self._limit or (enough == LARGEST_INT32 and by != "result") or (self._all and by == "id"):
            return rows
        found = self._offset + len(rows) if rows else 0
        likely = 2 * enough * wanted // found if found else LARGEST_INT32
        if enough < likely <= _SECOND_LOOK:
            rows = self._look(tx, by, likely)
            if len(rows) == self._limit:
                return rows
        return self._look(tx, "id" if by == "id" else "any", LARGEST_INT32)

    def _look(self, tx: Session, by: str, ranked: int) -> Sequence[Any]:
        field = self._order or Field("")
        return tx.many(
            "search_trials",
            terms=self._terms.json,
            wanted=self._terms.wanted,
            first_exp_id=self._experiment or "",
            last_exp_id=self._experiment or _LAST_ID,
            sort_by=by,
            sort_kind=field.source,
            sort_name=field.name,
            descending=int(self._descending),
            ranked=ranked,
            most=self._limit,
            skip=self._offset,
        )

    def _checked(self, database: Database, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows. Raises ExperimentMissing where there are none, and no experiment that has the id."""
        if not rows and self._experiment is not None:
            known = [row.exp_id for row in database.read_one(lambda tx: tx.many("experiment_list"))]
            if self._experiment not in known:
                hint = nearest(self._experiment, known) or "There are no experiments yet."
                raise ExperimentMissing(f"There is no experiment {shown(self._experiment)}.", hint)
        return rows


def _checked_id(experiment_id: Any) -> str | None:
    return None if experiment_id is None else check_text(experiment_id, "experiment_id", _LONGEST_ID)


def _checked_number(number: Any, what: str) -> int:
    known = python_value(number)
    if type(known) is not int or known < 0:
        raise ValueRejected(f"{what} is no int of at least 0.", "Give how many trials.")
    return min(known, LARGEST_INT32)
