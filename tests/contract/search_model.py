"""Random conditions of a search, and the trials that they are tried on, both as text for the library and as plain
Python."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from trialstore.contract.helpers import T0, UTC, at, execute, make_experiment
from trialstore.storage import SqlStorage, Status
from trialstore.storage.values.encoding import parse_untyped

Field = tuple[str, str]
"""The kind of a value and its name, or the name of a field that every trial has and nothing."""

NUMBERS = [0, 1, -1, 2, 9.998, 10, 13, 0.1, -0.0, 1e300, -1e-300, 2.5e-8, True, False, 10**18, 2**53 + 1]
TEXTS = ["", "a", "A", "b", "9.998", "13", "ä", "日本", "𝒳", "a b", " a", "a ", "%", "_", "'", '"', "\\", "None", "nan"]
VALUES = [*NUMBERS, *TEXTS, math.nan, math.inf, -math.inf, None, 10**400, -(10**400), "a\0b", "x" * 300]
JSON = [{}, [], {"a": 1}, [1, 2]]
UNTYPED = ["9.998", "13", "abc", "nan", "inf", "-inf", "1e5", "", ".5", "5.", "+3", "-7", "1e400", "12abc", "a1", None]
"""What mlos_bench may have stored."""
NAMES = ["x", "y", "odd name", "a.b", "ä", "'; DROP TABLE trial; --"]
STATES = [Status.SUCCEEDED, Status.FAILED, Status.PENDING, Status.CANCELED]
EXPERIMENTS = ["one", "two", "Two"]
TIMES = [at(0), at(1.5), at(10), at(12.000001), at(-5)]
END = at(12.000001)

NAMED: list[Field] = [
    (source, name) for source in ("config", "metadata", "result", "attribute", "context") for name in NAMES
]
OWN: dict[str, list[Any]] = {
    "trial_id": [1, 2, 5, 9, 100],
    "runner": [0, 1, 2],
    "duration_s": [0, 1.5, 10, 2.000001],
    "status": [state.name for state in STATES],
    "experiment": [*EXPERIMENTS, "th"],
    "ts_start": TIMES,
    "ts_end": TIMES,
}
"""Fields that every trial has, and what to compare them with."""
FIELDS: list[Field] = [*NAMED, *((name, "") for name in OWN)]


class Trial:
    """The values that a trial is found by; of what it does not have, there is none."""

    def __init__(self, experiment_id: str, trial_id: int) -> None:
        self.key = (experiment_id, trial_id)
        self.values: dict[Field, Any] = {("experiment", ""): experiment_id, ("trial_id", ""): trial_id}


class Condition:
    """A condition in the language of searches, and as a function."""

    def __init__(self, text: str, holds: Callable[[Trial], bool]) -> None:
        self.text = text
        self.holds = holds

    def __repr__(self) -> str:
        return self.text


# --- what values are --------------------------------------------------------------------------------------------------


def as_number(value: Any) -> float | None:
    """The number that a value is compared as, if it is one; of a time, the microseconds since T0."""
    if isinstance(value, dt.datetime):
        return (value - T0) / dt.timedelta(microseconds=1)
    if not isinstance(value, (bool, int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compares(value: Any, comparison: str, other: Any) -> bool:
    """Whether a value compares so with another one: numbers with numbers, text with text."""
    if value is None:
        return False
    if comparison == "!=":
        return not compares(value, "==", other)
    if isinstance(value, str) and isinstance(other, str):
        return ("\0" not in value or comparison == "==") and _COMPARISONS[comparison](value, other)
    left, right = as_number(value), as_number(other)
    return left is not None and right is not None and _COMPARISONS[comparison](left, right)


def ordered(trials: list[Trial], field: Field, *, descending: bool) -> list[tuple[str, int]]:
    """The keys of trials by a field: numbers, text, other values, none."""
    places: list[list[Trial]] = [[], [], [], []]
    for trial in sorted(trials, key=lambda one: one.key):
        value = trial.values.get(field)
        number = as_number(value)
        if value is None:
            places[3].append(trial)
        elif number is not None and not math.isnan(number):
            places[0].append(trial)
        else:
            places[1 if isinstance(value, str) and "\0" not in value else 2].append(trial)
    places[0].sort(key=lambda one: as_number(one.values[field]) or 0.0, reverse=descending)
    places[1].sort(key=lambda one: str(one.values[field]), reverse=descending)
    return [trial.key for some in places for trial in some]


# --- conditions -------------------------------------------------------------------------------------------------------


def written(field: Field) -> str:
    """A field as the language has it."""
    source, name = field
    if not name:
        return source
    return f"{source}.{name}" if name.isidentifier() else f"{source}[{name!r}]"


def literal(value: Any) -> str:
    """A value as the language has it."""
    if isinstance(value, dt.datetime):
        value = value.astimezone(UTC).isoformat(sep=" ").removesuffix("+00:00")
    return repr(value)


def _compared(name: str, field: Field, comparison: str, other: Any) -> Condition:
    text = f"{name} {comparison} {literal(other)}"
    return Condition(text, lambda trial: compares(trial.values.get(field), comparison, other))


def _mirrored(name: str, field: Field, comparison: str, other: Any) -> Condition:
    mirror = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(comparison, comparison)
    return Condition(
        f"{literal(other)} {mirror} {name}", lambda trial: compares(trial.values.get(field), comparison, other)
    )


def _between(name: str, field: Field, least: Any, most: Any) -> Condition:
    def holds(trial: Trial) -> bool:
        value = trial.values.get(field)
        return compares(value, ">=", least) and compares(value, "<", most)

    return Condition(f"{literal(least)} <= {name} < {literal(most)}", holds)


def _listed(name: str, field: Field, several: list[Any], *, inside: bool) -> Condition:
    def holds(trial: Trial) -> bool:
        value = trial.values.get(field)
        return value is not None and any(compares(value, "==", one) for one in several) == inside

    return Condition(f"{name} {'in' if inside else 'not in'} [{', '.join(map(literal, several))}]", holds)


def _nothing(name: str, field: Field, *, missing: bool) -> Condition:
    text = f"{name} is {'None' if missing else 'not None'}"
    return Condition(text, lambda trial: (trial.values.get(field) is None) == missing)


def _contains(name: str, field: Field, part: str, *, inside: bool) -> Condition:
    def holds(trial: Trial) -> bool:
        value = trial.values.get(field)
        return value is not None and (isinstance(value, str) and "\0" not in value and part in value) == inside

    return Condition(f"{part!r} {'in' if inside else 'not in'} {name}", holds)


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    """A comparison of one field."""
    field = draw(st.one_of(st.sampled_from(NAMED), st.sampled_from(FIELDS)))
    name = written(field)
    pool = st.sampled_from(OWN.get(field[0], [*NUMBERS, *TEXTS]))
    sign, yes = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="])), draw(st.booleans())
    forms: list[Callable[[], Condition]] = [
        lambda: _compared(name, field, sign, draw(pool)),
        lambda: _mirrored(name, field, sign, draw(pool)),
        lambda: _between(name, field, draw(pool), draw(pool)),
        lambda: _listed(name, field, draw(st.lists(pool, max_size=4)), inside=yes),
        lambda: _nothing(name, field, missing=yes),
        lambda: Condition(name, lambda trial: bool(trial.values.get(field))),
    ]
    if field in NAMED:
        forms.append(lambda: _contains(name, field, draw(st.sampled_from(TEXTS)), inside=yes))
    return draw(st.sampled_from(forms))()


def _combined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    both = st.tuples(parts, parts)
    return st.one_of(
        parts.map(lambda one: Condition(f"not ({one})", lambda trial: not one.holds(trial))),
        both.map(lambda two: Condition(f"({two[0]}) and ({two[1]})", lambda t: two[0].holds(t) and two[1].holds(t))),
        both.map(lambda two: Condition(f"({two[0]}) or ({two[1]})", lambda t: two[0].holds(t) or two[1].holds(t))),
    )


conditions = st.recursive(comparisons(), _combined, max_leaves=6)
"""Comparisons, and what 'and', 'or' and 'not' make of them."""


# --- trials -----------------------------------------------------------------------------------------------------------


def _in_turn(pool: list[Any]) -> Iterator[Any]:
    """The values of a pool, again and again, in an order that differs each time."""
    return (pool[(number * 7 + number // len(pool)) % len(pool)] for number in itertools.count())


def fill(storage: SqlStorage) -> list[Trial]:
    """Store trials with values of every kind, some of them as mlos_bench does; what each one is found by."""
    values, metadata = _in_turn(VALUES), _in_turn([*VALUES, *JSON])
    found = []
    for experiment_id in EXPERIMENTS:
        config = dict.fromkeys(NAMES[:4])
        with make_experiment(storage, experiment_id, tunables=config, opt_targets={}) as experiment:
            for place in range(14):
                state, start = STATES[place % len(STATES)], TIMES[place % len(TIMES)]
                chosen = NAMES[place % 3 :]
                own = {
                    "config": dict(zip(config, values, strict=False)),
                    "metadata": dict(zip(chosen, metadata, strict=False)),
                }
                new = experiment.new_trial(own["config"], ts_start=start, config=own["metadata"])
                trial = Trial(experiment_id, new.trial_id)
                trial.values |= {("ts_start", ""): start, ("status", ""): state.name}
                if place % 3:
                    new.set_trial_runner(place % 3)
                    trial.values["runner", ""] = place % 3
                if state is not Status.PENDING:
                    own["result"] = dict(zip(chosen, values, strict=False)) if state is not Status.CANCELED else {}
                    new.update(state, END, own["result"] or None)
                    trial.values |= {("ts_end", ""): END, ("duration_s", ""): (END - start).total_seconds()}
                trial.values |= {(source, name): value for source in own for name, value in own[source].items()}
                found.append(trial)
    _add_attributes(storage, found)
    _add_context(storage, found[::2])
    return found


def _quoted(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def _add_attributes(storage: SqlStorage, trials: list[Trial]) -> None:
    """Attributes without a type."""
    texts = _in_turn(UNTYPED)
    rows = []
    for trial in trials:
        for name, text in zip(NAMES[:3], texts, strict=False):
            rows.append(f"({_quoted(trial.key[0])}, {trial.key[1]}, {_quoted(name)}, {_quoted(text)}, NULL)")
            trial.values["attribute", name] = None if text is None else parse_untyped(text)
    columns = "exp_id, trial_id, attribute_id, attribute_value, value_type"
    execute(storage, f"INSERT INTO trial_attribute ({columns}) VALUES {', '.join(rows)}")


def _add_context(storage: SqlStorage, trials: list[Trial]) -> None:
    """One context for several trials."""
    texts = dict(zip(NAMES, _in_turn([text for text in TEXTS if "\\" not in text]), strict=False))
    rows = [f"(1, {_quoted(name)}, {_quoted(text)}, 's')" for name, text in texts.items()]
    execute(
        storage,
        "INSERT INTO context (context_id, context_hash) VALUES (1, 'a hash')",
        f"INSERT INTO context_value (context_id, key_id, key_value, value_type) VALUES {', '.join(rows)}",
        *(
            f"UPDATE trial SET context_id = 1 WHERE exp_id = {_quoted(exp_id)} AND trial_id = {trial_id}"
            for exp_id, trial_id in (trial.key for trial in trials)
        ),
    )
    for trial in trials:
        trial.values |= {("context", name): text for name, text in texts.items()}
