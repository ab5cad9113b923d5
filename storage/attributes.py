"""Attributes of experiments and trials in a SQL database: values that may change at any time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trialstore.dialects.errors import ExperimentMissing, MissingReference, TrialMissing, ValueRejected, listed
from trialstore.sql.session import Session

from .base_attributes import Attributed
from .database.connections import Database
from .values.checks import check_name, items_of, trial_id_list
from .values.readers import TYPED
from .values.rows import param_rows

_WHAT = "Attribute"
MOST_BYTES = 4_000_000
"""Of the attributes that one call writes: one statement takes them all, and servers take no statement of any length, by
default 16 MiB on MariaDB; the driver doubles quotes on the way."""
_AGAIN = "Nothing was written: search again."


class ExperimentAttributes(Attributed):
    """The attributes of an experiment: what its classes for reading and for writing have in common."""

    database: Database
    _experiment_id: str

    @property
    def attributes(self) -> dict[str, Any]:
        """The experiment's attributes; see `Attributed.attributes`."""
        found = self.database.read_one(lambda tx: tx.tuples("experiment_attributes", exp_id=self._experiment_id))
        return _values(found)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Give the experiment attributes; see `Attributed.set_attributes`."""
        if given := _row_list(self.database, attributes):
            wanted = {"exp_id": self._experiment_id, "attributes": given}
            try:
                self.database.write(lambda tx: tx.execute("experiment_attribute_put", **wanted), repeatable=True)
            except MissingReference:
                raise _experiment_missing(self._experiment_id) from None

    def delete_attributes(self, names: Iterable[str]) -> None:
        """Delete attributes of the experiment; see `Attributed.delete_attributes`."""
        if given := _name_list(self.database, names):
            wanted = {"exp_id": self._experiment_id, "names": given}
            self.database.write(lambda tx: tx.execute("experiment_attribute_delete", **wanted), repeatable=True)


class TrialAttributes(Attributed):
    """The attributes of a trial: what its classes for reading and for writing have in common."""

    database: Database
    _experiment_id: str
    _trial_id: int

    @property
    def attributes(self) -> dict[str, Any]:
        """The trial's attributes; see `Attributed.attributes`."""
        key = {"exp_id": self._experiment_id, "trial_id": self._trial_id}
        return _values(self.database.read_one(lambda tx: tx.tuples("trial_attributes", **key)))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Give the trial attributes; see `Attributed.set_attributes`."""
        set_of_trials(self.database, self._experiment_id, [self._trial_id], attributes)

    def delete_attributes(self, names: Iterable[str]) -> None:
        """Delete attributes of the trial; see `Attributed.delete_attributes`."""
        delete_of_trials(self.database, self._experiment_id, [self._trial_id], names)


def of_trials(database: Database, experiment_id: str) -> dict[int, dict[str, Any]]:
    """The attributes of an experiment's trials by trial id, of those that have any; one statement."""
    found = database.read_one(lambda tx: tx.tuples("trial_attributes_of_experiment", exp_id=experiment_id))
    return TYPED.values_by_id(found)


def set_of_trials(database: Database, experiment_id: str, trial_ids: Iterable[int], values: Mapping[str, Any]) -> None:
    """Give each of the trials these attributes. Raises what `ExperimentData.set_trial_attributes` does."""
    ids, given = trial_id_list(trial_ids), _row_list(database, values)
    if not ids or not given:
        return
    wanted = {"exp_id": experiment_id, "ids": json.dumps(ids), "attributes": given}
    try:
        database.write(lambda tx: tx.execute("trial_attribute_put", **wanted), repeatable=True)
    except MissingReference:
        error = _trials_missing(database, experiment_id, ids)
    else:
        return
    raise error


def delete_of_trials(database: Database, experiment_id: str, trial_ids: Iterable[int], names: Iterable[str]) -> None:
    """Delete the attributes of these names of each of the trials."""
    ids, given = trial_id_list(trial_ids), _name_list(database, names)
    if ids and given:
        wanted = {"exp_id": experiment_id, "ids": json.dumps(ids), "names": given}
        database.write(lambda tx: tx.execute("trial_attribute_delete", **wanted), repeatable=True)


def set_of_found(
    database: Database, experiment_id: str, find: Callable[[Session], Sequence[int]], values: Mapping[str, Any]
) -> int:
    """Give each of the trials that `find` finds these attributes, in the transaction that it finds them in; how many
    they are. Raises what `ExperimentData.set_attributes_where` does."""
    given = _row_list(database, values)

    def change(tx: Session, ids: str) -> None:
        if given:
            tx.execute("trial_attribute_put", exp_id=experiment_id, ids=ids, attributes=given)

    return _change_found(database, experiment_id, find, change)


def delete_of_found(
    database: Database, experiment_id: str, find: Callable[[Session], Sequence[int]], names: Iterable[str]
) -> int:
    """Delete the attributes of these names of each of the trials that `find` finds; how many they are."""
    given = _name_list(database, names)

    def change(tx: Session, ids: str) -> None:
        if given:
            tx.execute("trial_attribute_delete", exp_id=experiment_id, ids=ids, names=given)

    return _change_found(database, experiment_id, find, change)


def _change_found(
    database: Database,
    experiment_id: str,
    find: Callable[[Session], Sequence[int]],
    change: Callable[[Session, str], None],
) -> int:
    def write(tx: Session) -> int:
        ids = find(tx)
        if ids:
            change(tx, json.dumps(ids))
        return len(ids)

    try:
        return database.write(write)
    except MissingReference:
        error = TrialMissing(
            f"Experiment {experiment_id!r}: a trial was deleted while attributes were written.", _AGAIN
        )
    raise error


def _values(found: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    return {name: TYPED.stored(text, kind).value for name, text, kind in found}


def _row_list(database: Database, values: Mapping[str, Any]) -> str:
    """The rows as a JSON list of lists, ordered, so that all writers lock them in one order; "" where there are none.

    The row of a None is its name alone: not every engine makes a NULL of the null in a JSON list.
    """
    rows = sorted(param_rows(values, _WHAT, database.dialect.id_length, nested=True))
    return _json([[row.name] if row.text is None else list(row) for row in rows])


def _name_list(database: Database, names: Iterable[str]) -> str:
    given = items_of(names, "names: a value", "Give a list of attribute names.", keys=True)
    return _json(sorted({check_name(name, _WHAT, database.dialect.id_length) for name in given}))


def _json(items: Sequence[Any]) -> str:
    text = json.dumps(items, ensure_ascii=False) if items else ""
    size = len(text) if text.isascii() else len(text.encode())
    if size > MOST_BYTES:
        raise ValueRejected(f"The attributes have {size:,} bytes in all.", f"At most {MOST_BYTES:,} fit in one call.")
    return text


def _trials_missing(database: Database, experiment_id: str, ids: Sequence[int]) -> TrialMissing:
    known = {row.trial_id for row in database.read_one(lambda tx: tx.many("trial_list", exp_id=experiment_id))}
    missing = [trial_id for trial_id in ids if trial_id not in known]
    return TrialMissing(
        f"Experiment {experiment_id!r} has no trials of these ids: {listed(missing, str)}.",
        "Nothing was written. Were they deleted?",
    )


def _experiment_missing(experiment_id: str) -> ExperimentMissing:
    return ExperimentMissing(
        f"Experiment {experiment_id!r} does not exist.", "Enter it first: with storage.experiment(...) as exp:"
    )
