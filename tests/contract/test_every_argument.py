"""Every public argument, given wrong types and extremes: the call works, or a named error says what to do, nothing is
written, and the storage goes on."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import trialstore.storage as public
from trialstore.contract.helpers import GROUPS, T0, at, dump, finish, groups, make_experiment, query, tables, watch
from trialstore.contract.odd_values import ODD, OwnError, hashable
from trialstore.storage import (
    KeepLease,
    NewTrial,
    SqlStorage,
    Status,
    Storage,
    StorageError,
    TelemetryWriter,
    TunableGroups,
    config_from_url,
    from_config,
)
from trialstore.storage.base_attributes import Attributed
from trialstore.storage.tunables.groups import CovariantGroup

pytestmark = pytest.mark.once_per_engine("what an argument may be is checked before a connection is used")

LONGEST_MESSAGE = 2_000
OWN_CODE_FAILS = {"hostile dict", "generator that fails"}
"""Values that can only be read by running their own code, whose errors are the caller's."""
WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH")


class Kit:
    """A storage with an experiment, and what calls need of it: fresh ones where an accepted call has used them."""

    def __init__(self, storage: SqlStorage, config: dict[str, Any]) -> None:
        self.storage = storage
        self.config = config
        self.experiment = make_experiment(storage).__enter__()
        self.groups = make_experiment(storage, "Groups", tunables=groups()).__enter__()
        self.tunables = groups()
        self._numbers = itertools.count()
        finish(self.experiment.new_trial({}))
        self.refresh()

    def refresh(self) -> None:
        """A new trial, and a claimed one, with nothing written to them."""
        self.trial = self.experiment.new_trial({}, ts_start=T0)
        self.held = self.experiment.claim_trials(7)[0]
        self.trial = self.experiment.new_trial({}, ts_start=T0)
        self.data = self.storage.experiments["Exp"]
        self.trial_data = self.data.trials[1]

    def new(self, **arguments: Any) -> Storage.Experiment:
        """Another experiment, entered."""
        return make_experiment(self.storage, **{"experiment_id": f"New{next(self._numbers)}", **arguments}).__enter__()

    def works(self) -> None:
        """Store something, and read it."""
        with make_experiment(self.storage) as experiment:
            trial = finish(experiment.new_trial({"cache": 7}), score=2.5)
            assert experiment.load(trial.trial_id - 1)[0] == [trial.trial_id]


@dataclass(frozen=True)
class Argument:
    """An argument of a call, or something in it.

    Args:
        call: The call with a value as the argument.
        says: What an error says to name the argument; one of these.
    """

    call: Callable[[Kit, Any], Any]
    says: tuple[str, ...]


def _key(value: Any) -> dict[Any, Any]:
    """A dict with the value as a key, where it can be one."""
    return {value: 1} if hashable(value) else {}


def _lazily(config: Any, **more: Any) -> None:
    SqlStorage(config, **more).dispose()


def _opened(source: Any, *more: Any, **kwargs: Any) -> None:
    from_config(source, *more, **kwargs).__exit__(None, None, None)


def _leased(trial: Any, *lease: Any, **more: Any) -> None:
    with KeepLease(trial, *lease, **more):
        pass


def _sent(trial: Storage.Trial, *point: Any) -> None:
    with trial.telemetry_writer() as telemetry:
        telemetry.add(*point)


def _waited(kit: Kit, timeout: Any) -> None:
    """Wait for a lease that is lost already, so that nobody waits long."""
    LostLease(kit.held).wait_lost(timeout)


class LostLease(KeepLease):
    """One that is lost from the beginning."""

    def __init__(self, trial: Storage.Trial) -> None:
        super().__init__(trial)
        self._lost.set()


def _attributes(owner: Callable[[Kit], Attributed]) -> list[Argument]:
    return [
        Argument(lambda kit, v: owner(kit).set_attributes(v), ("Attribute",)),
        Argument(lambda kit, v: owner(kit).set_attributes({"k": v}), ("'k'",)),
        Argument(lambda kit, v: owner(kit).set_attributes({"k": [{"n": v}]}), ("'k'",)),
        Argument(lambda kit, v: owner(kit).set_attributes(_key(v)), ("Attribute",)),
    ]


def _names(owner: Callable[[Kit], Attributed]) -> list[Argument]:
    return [
        Argument(lambda kit, v: owner(kit).delete_attributes(v), ("names", "Attribute")),
        Argument(lambda kit, v: owner(kit).delete_attributes([v]), ("Attribute",)),
    ]


def _choices(owner: Callable[[Kit], Any], *more: str) -> dict[str, list[Argument]]:
    """What chooses telemetry."""

    def call(method: str, name: str, *, listed: bool = False) -> Callable[[Kit, Any], Any]:
        return lambda kit, v: getattr(owner(kit), method)(**{name: [v] if listed else v})

    found = {}
    for method in ("telemetry", "telemetry_arrow", "telemetry_sample", "telemetry_sample_arrow"):
        for name in (*more, "metrics"):
            says = (name, "Metric")
            calls = [call(method, name), call(method, name, listed=True)]
            found[f"{method}.{name}"] = [Argument(each, says) for each in calls]
        for name in ("since", "until", *(["buckets"] if "sample" in method else [])):
            found[f"{method}.{name}"] = [Argument(call(method, name), (name,))]
    return found


LAZY = {"drivername": "sqlite", "lazy_schema_create": True}
TEXT = '{"drivername": "sqlite", "lazy_schema_create": true}'
NAME = ("name", "type", "ametric", "Metric")

TABLE: dict[str, dict[str, list[Argument]]] = {
    "SqlStorage": {
        "__init__.config": [Argument(lambda kit, v: _lazily(v), ("config",))]
        + [
            Argument(
                lambda kit, v, key=key: _lazily({**kit.config, "lazy_schema_create": True, key: v}),  # type: ignore[misc]
                (f"config.{key}", "config.query", "config.drivername", "database"),
            )
            for key in ("drivername", "database", "host", "port", "query", "retry_timeout", "schema_policy", "log_sql")
        ],
        "__init__.global_config": [
            Argument(
                lambda kit, v: _lazily(LAZY, global_config=v),
                ("global_config",),
            )
        ],
        "__init__.service": [Argument(lambda kit, v: _lazily(LAZY, service=v), ("service",))],
        "__init__.context": [
            Argument(lambda kit, v: _lazily(LAZY, context=v), ("context",)),
            Argument(lambda kit, v: _lazily(LAZY, context={"k": v}), ("config.context 'k'",)),
            Argument(lambda kit, v: _lazily(LAZY, context=_key(v)), ("config.context",)),
            Argument(lambda kit, v: _lazily({**LAZY, "context": v}), ("config.context",)),
        ],
        "experiment.experiment_id": [Argument(lambda kit, v: kit.new(experiment_id=v), ("experiment_id",))],
        "experiment.trial_id": [Argument(lambda kit, v: kit.new(trial_id=v), ("trial_id",))],
        "experiment.root_env_config": [Argument(lambda kit, v: kit.new(root_env_config=v), ("root_env_config",))],
        "experiment.description": [Argument(lambda kit, v: kit.new(description=v), ("description",))],
        "experiment.tunables": [
            Argument(lambda kit, v: kit.new(tunables=v), ("unable",)),
            Argument(lambda kit, v: kit.new(tunables={"t": v}), ("'t'",)),
            Argument(lambda kit, v: kit.new(tunables=_key(v)), ("unable",)),
        ],
        "experiment.opt_targets": [
            Argument(lambda kit, v: kit.new(opt_targets=v), ("opt_targets",)),
            Argument(lambda kit, v: kit.new(opt_targets={"m": v}), ("opt_targets",)),
            Argument(lambda kit, v: kit.new(opt_targets=dict.fromkeys(_key(v), "min")), ("opt_targets",)),
        ],
        "experiment.opt_weights": [
            Argument(lambda kit, v: kit.new(opt_weights=v), ("opt_weights",)),
            Argument(lambda kit, v: kit.new(opt_weights={"score": v}), ("opt_weights",)),
            Argument(lambda kit, v: kit.new(opt_weights=_key(v)), ("opt_weights",)),
        ],
        "get_experiment_by_id.experiment_id": [
            Argument(lambda kit, v: kit.storage.get_experiment_by_id(v, {}, {}), ("experiment_id",))
        ],
        "get_experiment_by_id.tunables": [
            Argument(lambda kit, v: kit.storage.get_experiment_by_id("Exp", v, {}), ("unable",)),
            Argument(lambda kit, v: kit.storage.get_experiment_by_id("Exp", {"t": v}, {}), ("'t'",)),
        ],
        "get_experiment_by_id.opt_targets": [
            Argument(lambda kit, v: kit.storage.get_experiment_by_id("Exp", {}, v), ("opt_targets",)),
            Argument(lambda kit, v: kit.storage.get_experiment_by_id("Exp", {}, {"m": v}), ("opt_targets",)),
        ],
        "find_trials.where": [Argument(lambda kit, v: kit.storage.find_trials(where=v), ("where",))],
        "find_trials.order_by": [Argument(lambda kit, v: kit.storage.find_trials(order_by=v), ("order_by",))],
        "find_trials.descending": [
            Argument(lambda kit, v: kit.storage.find_trials(order_by="trial_id", descending=v), ("descending",))
        ],
        "find_trials.limit": [Argument(lambda kit, v: kit.storage.find_trials(limit=v), ("limit",))],
        "find_trials.offset": [Argument(lambda kit, v: kit.storage.find_trials(offset=v), ("offset",))],
        "find_trials.experiment_id": [
            Argument(lambda kit, v: kit.storage.find_trials(experiment_id=v), ("experiment",))
        ],
        "find_df.where": [Argument(lambda kit, v: kit.storage.find_df(where=v), ("where",))],
        "find_df.order_by": [Argument(lambda kit, v: kit.storage.find_df(order_by=v), ("order_by",))],
        "find_df.descending": [
            Argument(lambda kit, v: kit.storage.find_df(order_by="trial_id", descending=v), ("descending",))
        ],
        "find_df.limit": [Argument(lambda kit, v: kit.storage.find_df(limit=v), ("limit",))],
        "find_df.offset": [Argument(lambda kit, v: kit.storage.find_df(offset=v), ("offset",))],
        "find_df.experiment_id": [Argument(lambda kit, v: kit.storage.find_df(experiment_id=v), ("experiment",))],
    },
    "Experiment": {
        "new_trial.tunables": [
            Argument(lambda kit, v: kit.experiment.new_trial(v), ("unable",)),
            Argument(lambda kit, v: kit.experiment.new_trial({"cache": v}), ("'cache'",)),
            Argument(lambda kit, v: kit.experiment.new_trial(_key(v)), ("unable",)),
            Argument(lambda kit, v: kit.groups.new_trial({"latency": v}), ("'latency'",)),
            Argument(lambda kit, v: kit.groups.new_trial({"size": v}), ("'size'",)),
        ],
        "new_trial.ts_start": [Argument(lambda kit, v: kit.experiment.new_trial({}, ts_start=v), ("ts_start",))],
        "new_trial.config": [
            Argument(lambda kit, v: kit.experiment.new_trial({}, config=v), ("metadata",)),
            Argument(lambda kit, v: kit.experiment.new_trial({}, config={"k": v}), ("'k'",)),
            Argument(lambda kit, v: kit.experiment.new_trial({}, config={"k": [{"n": v}]}), ("'k'",)),
            Argument(lambda kit, v: kit.experiment.new_trial({}, config=_key(v)), ("metadata",)),
            Argument(lambda kit, v: kit.experiment.new_trial({}, config={"k": _key(v)}), ("'k'",)),
        ],
        "new_trials.trials": [
            Argument(lambda kit, v: kit.experiment.new_trials(v), ("trials", "unable")),
            Argument(lambda kit, v: kit.experiment.new_trials([{}, v]), ("trials", "unable")),
        ],
        "claim_trials.trial_runner_id": [
            Argument(lambda kit, v: kit.experiment.claim_trials(v, limit=0), ("trial_runner_id",))
        ],
        "claim_trials.limit": [Argument(lambda kit, v: kit.experiment.claim_trials(7, limit=v), ("limit",))],
        "claim_trials.lease": [Argument(lambda kit, v: kit.experiment.claim_trials(7, lease=v), ("lease",))],
        "claim_trials.timestamp": [
            Argument(lambda kit, v: kit.experiment.claim_trials(7, timestamp=v), ("timestamp",))
        ],
        "cancel_trials.trial_ids": [
            Argument(lambda kit, v: kit.experiment.cancel_trials(v), ("trial_ids",)),
            Argument(lambda kit, v: kit.experiment.cancel_trials([v]), ("trial_ids",)),
        ],
        "release_expired.timestamp": [Argument(lambda kit, v: kit.experiment.release_expired(v), ("timestamp",))],
        "load.last_trial_id": [Argument(lambda kit, v: kit.experiment.load(v), ("last_trial_id",))],
        "load_tunable_config.config_id": [
            Argument(lambda kit, v: kit.experiment.load_tunable_config(v), ("config of that id",))
        ],
        "load_telemetry.trial_id": [Argument(lambda kit, v: kit.experiment.load_telemetry(v), ("trial_id",))],
        "get_trial_by_id.trial_id": [Argument(lambda kit, v: kit.experiment.get_trial_by_id(v), ("trial_id",))],
        "pending_trials.timestamp": [
            Argument(lambda kit, v: list(kit.experiment.pending_trials(v, running=True)), ("timestamp",))
        ],
        "pending_trials.running": [
            Argument(lambda kit, v: list(kit.experiment.pending_trials(T0, running=v)), ("running",))
        ],
        "pending_trials.trial_runner_assigned": [
            Argument(
                lambda kit, v: list(kit.experiment.pending_trials(T0, running=True, trial_runner_assigned=v)),
                ("trial_runner_assigned",),
            )
        ],
        "set_attributes.attributes": _attributes(lambda kit: kit.experiment),
        "delete_attributes.names": _names(lambda kit: kit.experiment),
        "merge.experiment_ids": [
            Argument(lambda kit, v: kit.experiment.merge(v), ("experiment_ids", "Experiment")),
            Argument(lambda kit, v: kit.experiment.merge([v]), ("experiment_ids", "Experiment")),
        ],
    },
    "Trial": {
        "set_attributes.attributes": _attributes(lambda kit: kit.trial),
        "delete_attributes.names": _names(lambda kit: kit.trial),
        "config.global_config": [Argument(lambda kit, v: kit.trial.config(v), ("global_config",))],
        "set_trial_runner.trial_runner_id": [
            Argument(lambda kit, v: kit.trial.set_trial_runner(v), ("trial_runner_id",))
        ],
        "renew_lease.lease": [Argument(lambda kit, v: kit.held.renew_lease(v), ("lease",))],
        "add_new_config_data.new_config_data": [
            Argument(lambda kit, v: kit.trial.add_new_config_data(v), ("metadata",)),
            Argument(lambda kit, v: kit.trial.add_new_config_data({"k": v}), ("'k'",)),
            Argument(lambda kit, v: kit.trial.add_new_config_data(_key(v)), ("metadata",)),
        ],
        "update.status": [Argument(lambda kit, v: kit.trial.update(v, at(1)), ("status",))],
        "update.timestamp": [
            Argument(lambda kit, v: kit.trial.update(Status.RUNNING, v), ("timestamp",)),
            Argument(lambda kit, v: kit.trial.update(Status.FAILED, v), ("timestamp",)),
        ],
        "update.metrics": [
            Argument(lambda kit, v: kit.trial.update(Status.RUNNING, at(1), v), ("etric",)),
            Argument(lambda kit, v: kit.trial.update(Status.SUCCEEDED, at(1), v), ("etric",)),
            Argument(lambda kit, v: kit.trial.update(Status.SUCCEEDED, at(1), {"score": v}), ("'score'",)),
            Argument(lambda kit, v: kit.trial.update(Status.SUCCEEDED, at(1), _key(v)), ("Metric",)),
        ],
        "update_telemetry.status": [Argument(lambda kit, v: kit.trial.update_telemetry(v, at(1), []), ("status",))],
        "update_telemetry.timestamp": [
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, v, []), ("timestamp",))
        ],
        "update_telemetry.metrics": [
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, at(1), v), ("telemetry",)),
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, at(1), [v]), ("telemetry", "Metric")),
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, at(1), [(v, "m", 1)]), ("'m'",)),
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, at(1), [(at(1), v, 1)]), ("Metric",)),
            Argument(lambda kit, v: kit.trial.update_telemetry(Status.RUNNING, at(1), [(at(1), "m", v)]), ("'m'",)),
        ],
        "telemetry_writer.flush_every": [
            Argument(lambda kit, v: kit.trial.telemetry_writer(flush_every=v), ("flush_every",))
        ],
        "telemetry_writer.at_most": [Argument(lambda kit, v: kit.trial.telemetry_writer(at_most=v), ("at_most",))],
        "telemetry_writer.when_full": [
            Argument(lambda kit, v: kit.trial.telemetry_writer(when_full=v), ("when_full",))
        ],
    },
    "TelemetryWriter": {
        "add.metric": [Argument(lambda kit, v: _sent(kit.trial, v, 1), ("Metric",))],
        "add.value": [Argument(lambda kit, v: _sent(kit.trial, "m", v), ("'m'",))],
        "add.ts": [Argument(lambda kit, v: _sent(kit.trial, "m", 1, v), ("'m'",))],
    },
    "KeepLease": {
        "__init__.trial": [Argument(lambda kit, v: _leased(v), ("trial",))],
        "__init__.lease": [Argument(lambda kit, v: _leased(kit.held, v), ("lease",))],
        "__init__.release": [Argument(lambda kit, v: _leased(kit.held, release=v), ("release",))],
        "wait_lost.timeout": [Argument(_waited, ("timeout",))],
    },
    "TrialData": {
        "set_attributes.attributes": _attributes(lambda kit: kit.trial_data),
        "delete_attributes.names": _names(lambda kit: kit.trial_data),
        **_choices(lambda kit: kit.trial_data),
        "telemetry_batches.batch_size": [
            Argument(lambda kit, v: list(kit.trial_data.telemetry_batches(v)), ("batch_size",))
        ],
    },
    "ExperimentData": {
        "set_attributes.attributes": _attributes(lambda kit: kit.data),
        "delete_attributes.names": _names(lambda kit: kit.data),
        **_choices(lambda kit: kit.data, "trial_ids"),
        "set_trial_attributes.trial_ids": [
            Argument(
                lambda kit, v: kit.data.set_trial_attributes(v, {"k": 1}), ("trial_ids", "no trials of these ids")
            ),
            Argument(
                lambda kit, v: kit.data.set_trial_attributes([v], {"k": 1}), ("trial_ids", "no trials of these ids")
            ),
        ],
        "set_trial_attributes.attributes": [
            Argument(lambda kit, v: kit.data.set_trial_attributes([1], v), ("Attribute",)),
            Argument(lambda kit, v: kit.data.set_trial_attributes([1], {"k": v}), ("'k'",)),
        ],
        "delete_trial_attributes.trial_ids": [
            Argument(lambda kit, v: kit.data.delete_trial_attributes(v, ["k"]), ("trial_ids",)),
            Argument(lambda kit, v: kit.data.delete_trial_attributes([v], ["k"]), ("trial_ids",)),
        ],
        "delete_trial_attributes.names": [
            Argument(lambda kit, v: kit.data.delete_trial_attributes([1], v), ("names", "Attribute")),
            Argument(lambda kit, v: kit.data.delete_trial_attributes([1], [v]), ("Attribute",)),
        ],
        "set_attributes_where.where": [Argument(lambda kit, v: kit.data.set_attributes_where(v, {"k": 1}), ("where",))],
        "set_attributes_where.attributes": [
            Argument(lambda kit, v: kit.data.set_attributes_where(None, v), ("Attribute",)),
            Argument(lambda kit, v: kit.data.set_attributes_where(None, {"k": v}), ("'k'",)),
        ],
        "delete_attributes_where.where": [
            Argument(lambda kit, v: kit.data.delete_attributes_where(v, ["k"]), ("where",))
        ],
        "delete_attributes_where.names": [
            Argument(lambda kit, v: kit.data.delete_attributes_where(None, v), ("names", "Attribute")),
            Argument(lambda kit, v: kit.data.delete_attributes_where(None, [v]), ("Attribute",)),
        ],
        "trials_df.metadata": [Argument(lambda kit, v: kit.data.trials_df(metadata=v), ("metadata",))],
        "trials_df.attributes": [Argument(lambda kit, v: kit.data.trials_df(attributes=v), ("attributes",))],
        "trials_df.exact": [Argument(lambda kit, v: kit.data.trials_df(exact=v), ("exact",))],
        "trials_arrow.metadata": [Argument(lambda kit, v: kit.data.trials_arrow(metadata=v), ("metadata",))],
        "trials_arrow.attributes": [Argument(lambda kit, v: kit.data.trials_arrow(attributes=v), ("attributes",))],
        "find.where": [Argument(lambda kit, v: kit.data.find(where=v), ("where",))],
        "find.order_by": [Argument(lambda kit, v: kit.data.find(order_by=v), ("order_by",))],
        "find.descending": [Argument(lambda kit, v: kit.data.find(order_by="trial_id", descending=v), ("descending",))],
        "find.limit": [Argument(lambda kit, v: kit.data.find(limit=v), ("limit",))],
        "find.offset": [Argument(lambda kit, v: kit.data.find(offset=v), ("offset",))],
        "find_df.where": [Argument(lambda kit, v: kit.data.find_df(where=v), ("where",))],
        "find_df.order_by": [Argument(lambda kit, v: kit.data.find_df(order_by=v), ("order_by",))],
        "find_df.descending": [
            Argument(lambda kit, v: kit.data.find_df(order_by="trial_id", descending=v), ("descending",))
        ],
        "find_df.limit": [Argument(lambda kit, v: kit.data.find_df(limit=v), ("limit",))],
        "find_df.offset": [Argument(lambda kit, v: kit.data.find_df(offset=v), ("offset",))],
    },
    "TunableConfigData": {},
    "TunableConfigTrialGroupData": {},
    "NewTrial": {
        "__init__.tunables": [Argument(lambda kit, v: kit.experiment.new_trials([NewTrial(v)]), ("unable",))],
        "__init__.ts_start": [
            Argument(lambda kit, v: kit.experiment.new_trials([NewTrial(ts_start=v)]), ("ts_start",))
        ],
        "__init__.config": [Argument(lambda kit, v: kit.experiment.new_trials([NewTrial(config=v)]), ("metadata",))],
    },
    "TunableGroups": {
        "__init__.config": [
            Argument(lambda kit, v: TunableGroups(v), ("unable group",)),
            Argument(lambda kit, v: TunableGroups({"g": v}), ("unable group",)),
            Argument(lambda kit, v: TunableGroups(_key(v)), ("unable group",)),
            Argument(lambda kit, v: TunableGroups({"g": {"cost": v}}), ("cost",)),
            Argument(lambda kit, v: TunableGroups({"g": {"params": v}}), ("unable group",)),
            Argument(lambda kit, v: TunableGroups({"g": {"params": {"p": v}}}), ("'p'",)),
            *(
                Argument(
                    lambda kit, v, key=key, name=name, group=group: TunableGroups(  # type: ignore[misc]
                        {group: {"params": {name: {**GROUPS[group]["params"][name], key: v}}}}
                    ),
                    (f"{name!r}",),
                )
                for group, name, key in (
                    *(("kernel", "latency", key) for key in ("type", "range", "default", "special", "log", "meta")),
                    *(("vm", "size", key) for key in ("values", "default", "description")),
                )
            ),
            Argument(
                lambda kit, v: TunableGroups({"g": {"params": {"p": {"type": "int", "range": [0, v], "default": 0}}}}),
                ("'p'",),
            ),
            Argument(
                lambda kit, v: TunableGroups(
                    {"g": {"params": {"p": {"type": "categorical", "values": [v], "default": v}}}}
                ),
                ("'p'",),
            ),
        ],
        "get_tunable.tunable": [Argument(lambda kit, v: kit.tunables.get_tunable(v), ("unable",))],
        "get_param_values.group_names": [
            Argument(lambda kit, v: kit.tunables.get_param_values(v), ("group",)),
            Argument(lambda kit, v: kit.tunables.get_param_values([v]), ("group",)),
        ],
        "get_param_values.into_params": [
            Argument(lambda kit, v: kit.tunables.get_param_values(into_params=v), ("into_params",))
        ],
        "assign.param_values": [
            Argument(lambda kit, v: kit.tunables.assign(v), ("param_values", "unable")),
            Argument(lambda kit, v: kit.tunables.assign({"latency": v}), ("'latency'",)),
            Argument(lambda kit, v: kit.tunables.assign(_key(v)), ("unable",)),
        ],
        "restore_defaults.group_names": [Argument(lambda kit, v: kit.tunables.restore_defaults(v), ("group",))],
        "is_updated.group_names": [Argument(lambda kit, v: kit.tunables.is_updated(v), ("group",))],
        "reset.group_names": [Argument(lambda kit, v: kit.tunables.reset(v), ("group",))],
        "__getitem__.tunable": [Argument(lambda kit, v: kit.tunables[v], ("unable",))],
        "__setitem__.tunable": [Argument(lambda kit, v: kit.tunables.__setitem__(v, 1), ("unable",))],
        "__setitem__.value": [Argument(lambda kit, v: kit.tunables.__setitem__("latency", v), ("'latency'",))],
        "__contains__.tunable": [Argument(lambda kit, v: v in kit.tunables, ("unable",))],
    },
    "Status": {"parse.status": [Argument(lambda kit, v: Status.parse(v), ("status",))]},
    "from_config": {
        "config": [Argument(lambda kit, v: _opened(v), ("onfig",))],
        "global_configs": [
            Argument(lambda kit, v: _opened(TEXT, v), ("onfig",)),
            Argument(lambda kit, v: _opened(TEXT, [v]), ("onfig",)),
        ],
        "kwargs": [
            Argument(
                lambda kit, v: _opened('{"drivername": "sqlite", "lazy_schema_create": "$X"}', X=v),
                ("lazy_schema_create",),
            )
        ],
    },
    "config_from_url": {"url": [Argument(lambda kit, v: config_from_url(v), ("URL",))]},
}


# --- the table is complete --------------------------------------------------------------------------------------------


def _of_class(cls: type, owner: str) -> Iterator[str]:
    """The arguments of public methods, and of the constructor where users call it: `owner.method.argument`."""
    dunders = {"__init__", "__getitem__", "__setitem__", "__contains__"}
    names = {name for base in cls.__mro__ for name in vars(base) if not name.startswith("_") or name in dunders}
    for name in names:
        function = inspect.getattr_static(cls, name, None)
        if isinstance(function, staticmethod):  # class methods make what only the storage itself makes
            function = function.__func__
        if not inspect.isfunction(function) or not function.__module__.startswith("trialstore."):
            continue
        for argument in inspect.signature(function).parameters:
            if argument != "self":
                yield f"{owner}.{name}.{argument}"


def _all_arguments(kit: Kit) -> set[str]:
    read = kit.trial_data
    made_by_users: list[type] = [SqlStorage, KeepLease, NewTrial, TunableGroups, Status]
    handed_out = {
        "Experiment": type(kit.experiment),
        "Trial": type(kit.trial),
        "TelemetryWriter": TelemetryWriter,
        "ExperimentData": type(kit.data),
        "TrialData": type(read),
        "TunableConfigData": type(read.tunable_config),
        "TunableConfigTrialGroupData": type(read.tunable_config_trial_group),
        # Their parts are read only, and offer nothing but what TunableGroups has.
        "CovariantGroup": CovariantGroup,
    }
    known: list[Any] = [*made_by_users, TelemetryWriter, from_config, config_from_url]
    for name in public.__all__:
        thing = getattr(public, name)
        if isinstance(thing, str):  # the version, which nobody calls
            continue
        is_error = isinstance(thing, type) and (issubclass(thing, StorageError) or name == "ErrorKind")
        assert is_error or thing in known or thing is Storage, f"{name} is public: add it to the table"
    found = {argument for cls in made_by_users for argument in _of_class(cls, cls.__name__)}
    for owner, cls in handed_out.items():
        found |= {each for each in _of_class(cls, owner) if ".__init__." not in each}
    for function in (from_config, config_from_url):
        found |= {f"{function.__name__}.{name}" for name in inspect.signature(function).parameters}
    return found


def test_each_argument_of_each_public_call_is_in_the_table(config: dict[str, Any], storage: SqlStorage) -> None:
    in_table = {f"{owner}.{argument}" for owner, arguments in TABLE.items() for argument in arguments}
    assert in_table == _all_arguments(Kit(storage, config))


# --- the sweep --------------------------------------------------------------------------------------------------------


class Sweep:
    """Makes the calls, and notes what is wrong with their outcomes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._counting = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables(kit.storage))
        self._statements: list[str] = []
        self.faults: list[str] = []
        watch(kit.storage, self._statements.append)

    def _counts(self) -> Any:
        return sorted(query(self._kit.storage, self._counting))

    def argument(self, name: str, argument: Argument) -> None:
        """Give the argument each value."""
        before, all_refused, counts = dump(self._kit.storage), True, self._counts()
        for what, make in ODD.items():
            self._statements.clear()
            refusal = self._refusal(argument, make())
            if refusal is None:
                all_refused = False
                if self._has_written():
                    self._kit.refresh()
                    counts = self._counts()
                continue
            problems = list(self._problems(refusal, argument, own_code=what in OWN_CODE_FAILS))
            # Counting takes longer than most refusals: where nothing tried to write, it is done in the end.
            if self._has_written() or (self._tried_to_write() and self._counts() != counts):
                problems.append("something was written")
            self.faults += [f"{name} = {what}: {problem}" for problem in problems]
        if self._counts() != counts or (all_refused and dump(self._kit.storage) != before):
            self.faults.append(f"{name}: something was changed")
        self._kit.works()

    def _refusal(self, argument: Argument, value: Any) -> Exception | None:
        try:
            argument.call(self._kit, value)
        except Exception as exc:  # noqa: BLE001 - what kind it is, is to be found out
            return exc
        return None

    def _has_written(self) -> bool:
        return self._tried_to_write() and "COMMIT" in self._verbs()

    def _tried_to_write(self) -> bool:
        return any(verb in WRITING for verb in self._verbs())

    def _verbs(self) -> list[str]:
        return [sql.split(maxsplit=1)[0].upper() for sql in self._statements if sql.strip()]

    def _problems(self, refusal: Exception, argument: Argument, *, own_code: bool) -> Iterator[str]:
        if own_code and isinstance(refusal, OwnError):
            return
        if not isinstance(refusal, StorageError):
            yield f"raw {type(refusal).__name__}: {str(refusal)[:80]}"
        elif not any(word in refusal.message for word in argument.says):
            yield f"the argument is not named: {refusal.message[:80]}"
        elif not refusal.hint and " must " not in refusal.message:  # which says what to do as well
            yield f"no hint: {refusal.message[:80]}"
        elif len(str(refusal)) > LONGEST_MESSAGE:
            yield f"{len(str(refusal))} characters: {refusal.message[:80]}"


@pytest.mark.parametrize("owner", [owner for owner, arguments in TABLE.items() if arguments])
def test_any_value_of_any_argument_works_or_is_refused_by_name(
    config: dict[str, Any], storage: SqlStorage, owner: str
) -> None:
    sweep = Sweep(Kit(storage, config))
    for argument, calls in TABLE[owner].items():
        for call in calls:
            sweep.argument(f"{owner}.{argument}", call)
    assert "\n".join(sweep.faults) == ""
