"""The tunable parameters of an experiment in their groups, and the text that identifies a set of values."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from trialstore.dialects.errors import ConfigError, UnknownTunable, nearest, shown
from trialstore.storage.values.checks import check_mapping, items_of
from trialstore.storage.values.encoding import python_value

from .tunable import Tunable, TunableValue, check_keys, typed_text

_GROUP_KEYS: dict[str, tuple[type, ...]] = {"description": (str,), "cost": (int, float), "params": (Mapping,)}


class CovariantGroup:
    """Tunable parameters that change together, at one cost."""

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        """Build the group from its definition. Raises `ConfigError`."""
        where = f"Tunable group {shown(name)}"
        check_keys(config, _GROUP_KEYS, where)
        self._name = name
        self._cost: float = python_value(config.get("cost", 0))
        self._updated = False
        self._tunables: dict[str, Tunable] = {}
        for given, definition in config.get("params", {}).items():
            param = python_value(given)
            place = f"{where}, parameter {shown(param)}"
            if type(param) is not str or not isinstance(definition, Mapping):
                raise ConfigError(f"{place}: the name must be text and the definition an object.")
            if param in self._tunables:
                raise ConfigError(f"{place}: the name is defined twice.", "Rename one of the two.")
            self._tunables[param] = Tunable(param, definition, place)

    @property
    def name(self) -> str:
        """The group's name."""
        return self._name

    @property
    def cost(self) -> float:
        """What changing the group costs, in the experiment's own unit."""
        return self._cost

    def is_updated(self) -> bool:
        """Return whether a parameter of the group has changed since the last reset."""
        return self._updated

    def get_tunables(self) -> list[Tunable]:
        """Return the group's parameters in the order of their definition."""
        return list(self._tunables.values())

    def __repr__(self) -> str:
        return f"CovariantGroup({self._name!r}, {list(self._tunables)})"

    # Called by the TunableGroups that owns the group, and by nobody else: to all others a group is read-only.

    def _reset(self) -> None:
        self._updated = False

    def _change(self, tunable: Tunable, value: TunableValue) -> None:
        if tunable._change(value):  # noqa: SLF001
            self._updated = True

    def copy(self) -> CovariantGroup:
        """Return an independent copy: same definitions, values and mark."""
        # Definitions never change after the constructor, so copies share them; only values and marks are their own.
        twin = copy.copy(self)
        twin._tunables = {name: copy.copy(tunable) for name, tunable in self._tunables.items()}  # noqa: SLF001 - of its own class
        return twin


class TunableGroups:
    """The tunable parameters of an experiment in their groups; indexing by name reads and assigns values.

    Iterating yields `(tunable, group)` pairs. Two are equal if all definitions and current values are, in any order.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        """Build from `{group: {"cost": n, "params": {name: definition}}}`; all parameters start with their defaults.

        A definition has `type` ("int", "float" or "categorical"), `default`, and `range` (with `special`, if wanted) or
        `values`. Raises `ConfigError`, which names the group, the parameter and the key.
        """
        self._groups: dict[str, CovariantGroup] = {}
        if not isinstance(config, Mapping | None):
            raise ConfigError("Tunable groups must be an object of groups by name.")
        for given, definition in ({} if config is None else config).items():
            name = python_value(given)
            if type(name) is not str or not isinstance(definition, Mapping):
                raise ConfigError(f"Tunable group {shown(name)}: the name must be text and the definition an object.")
            if name in self._groups:
                raise ConfigError(f"Tunable group {shown(name)} is defined twice.", "Rename one of the two.")
            self._groups[name] = CovariantGroup(name, definition)
        self._index = _index_of(self._groups)

    def get_covariant_group_names(self) -> list[str]:
        """Return the names of the groups in the order of their definition."""
        return list(self._groups)

    def get_tunable(self, tunable: str | Tunable) -> tuple[Tunable, CovariantGroup]:
        """Return the parameter of that name and its group. Raises `UnknownTunable` (also a `KeyError`)."""
        name = _name(tunable)
        if name not in self._index:
            raise UnknownTunable(f"There is no tunable {shown(_given(tunable))}.", nearest(name, self._index))
        return self._index[name]

    def get_param_values(
        self, group_names: Iterable[str] | None = None, into_params: dict[str, TunableValue] | None = None
    ) -> dict[str, TunableValue]:
        """Return the current values by name, of all groups or of those named.

        With `into_params` the values are put into that dict, which is returned.
        """
        values = {} if into_params is None else into_params
        if not isinstance(values, MutableMapping):
            raise ConfigError(f"into_params is of type {type(into_params).__name__}.", "Give a dict.")
        for group in self._select(group_names):
            values.update((tunable.name, tunable.value) for tunable in group.get_tunables())
        return values

    def assign(self, param_values: Mapping[str, Any]) -> TunableGroups:
        """Give the named parameters new values, all of them or, on an error, none; returns this object.

        Text is converted to the parameter's type. Groups in which a value changes count as updated.
        Raises `UnknownTunable` for a name, `ValueRejected` (also a `ValueError`) for a value.
        """
        changes = []
        check_mapping(param_values, "param_values")
        for name, offered in param_values.items():
            tunable, group = self.get_tunable(name)
            changes.append((group, tunable, tunable.convert(offered)))
        for group, tunable, value in changes:
            group._change(tunable, value)  # noqa: SLF001
        return self

    def restore_defaults(self, group_names: Iterable[str] | None = None) -> TunableGroups:
        """Give all parameters, or those of the groups named, their defaults; returns this object."""
        for group in self._select(group_names):
            for tunable in group.get_tunables():
                group._change(tunable, tunable.default)  # noqa: SLF001
        return self

    def is_defaults(self) -> bool:
        """Return whether every parameter has its default value."""
        return all(tunable.is_default() for tunable, _group in self)

    def is_updated(self, group_names: Iterable[str] | None = None) -> bool:
        """Return whether a value has changed since the last `reset()`, in any group or in those named."""
        return any(group.is_updated() for group in self._select(group_names))

    def reset(self, group_names: Iterable[str] | None = None) -> TunableGroups:
        """Count all groups, or those named, as not updated; values stay. Returns this object."""
        for group in self._select(group_names):
            group._reset()  # noqa: SLF001
        return self

    def copy(self) -> TunableGroups:
        """Return an independent copy: same definitions, values and updated groups."""
        twin = copy.copy(self)
        groups = {name: group.copy() for name, group in self._groups.items()}
        twin._groups, twin._index = groups, _index_of(groups)  # noqa: SLF001 - of its own class
        return twin

    def __getitem__(self, tunable: str | Tunable) -> TunableValue:
        return self.get_tunable(tunable)[0].value

    def __setitem__(self, tunable: str | Tunable, value: object) -> None:
        self.assign({self.get_tunable(tunable)[0].name: value})

    def __contains__(self, tunable: object) -> bool:
        return _name(tunable) in self._index

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[tuple[Tunable, CovariantGroup]]:
        return iter(list(self._index.values()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TunableGroups):
            return NotImplemented
        return self._identity() == other._identity()

    def __str__(self) -> str:
        """Group, name, type and value of every parameter, in an order and spelling that depend on nothing else.

        The SHA-256 of this text identifies a config: changing its form gives every known config a new id.
        """
        parts = sorted(f"{typed_text(group.name)}::{tunable}" for tunable, group in self)
        return "{" + ", ".join(parts) + "}"

    def __repr__(self) -> str:
        names = {group.name: [tunable.name for tunable in group.get_tunables()] for group in self._groups.values()}
        return f"TunableGroups({names})"

    def _identity(self) -> dict[str, tuple[float, dict[str, Tunable]]]:
        return {
            name: (group.cost, {tunable.name: tunable for tunable in group.get_tunables()})
            for name, group in self._groups.items()
        }

    def _select(self, group_names: Iterable[str] | None) -> list[CovariantGroup]:
        if group_names is None:
            return list(self._groups.values())
        given = [group_names] if isinstance(group_names, str) else group_names
        names = [
            python_value(name) for name in items_of(given, "group_names", "Give a list of names of groups.", keys=True)
        ]
        for name in names:
            if type(name) is not str or name not in self._groups:
                raise UnknownTunable(f"There is no tunable group {shown(name)}.", nearest(name, self._groups))
        return [self._groups[name] for name in names]


def _index_of(groups: Mapping[str, CovariantGroup]) -> dict[str, tuple[Tunable, CovariantGroup]]:
    index: dict[str, tuple[Tunable, CovariantGroup]] = {}
    for group in groups.values():
        for tunable in group.get_tunables():
            if tunable.name in index:
                other = index[tunable.name][1].name
                raise ConfigError(
                    f"Tunable group {group.name!r}, parameter {tunable.name!r}: group {other!r} has this name too.",
                    "Names must differ over all groups; rename one of the two.",
                )
            index[tunable.name] = (tunable, group)
    return index


def _given(tunable: object) -> object:
    return tunable.name if isinstance(tunable, Tunable) else python_value(tunable)


def _name(tunable: object) -> str | None:
    """The name that this stands for; None for what is no name, and may not even be hashable."""
    name = _given(tunable)
    return name if type(name) is str else None
