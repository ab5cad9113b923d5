"""Experiments as Arrow tables, typed by Arrow's own functions, column by column and without pandas.

pyarrow is the extra `arrow`, and is imported when a table is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from trialstore.dialects.errors import ConfigError
from trialstore.sql.session import Session
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.database.connections import Database
from trialstore.storage.values.encoding import decode, parse_untyped

from . import all_values

_missing = ""
try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as exc:
    _missing = exc.msg

_UNTYPED_INT = r"^-?[0-9]+$"
_UNTYPED_FLOAT = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^-?(inf|nan)$"
_IDS = {"id", "trial_id", "config_id", "trial_runner_id", "context_id"}
_EXACT_IN_DOUBLE = 2**53  # has 16 digits


def results_table(database: Database, exp_id: str) -> Any:
    """The table of `ExperimentData.results_arrow`; three statements in one transaction."""
    check_installed()
    trial_columns = column_schema("trial_id", "config_id", "trial_runner_id", "ts_start", "ts_end", "status")

    def read(tx: Session) -> list[Any]:
        wanted = {
            "trial_list": trial_columns,
            "config_params_of_experiment": column_schema("config_id", "param_id", "param_value", "value_type"),
            "results_of_experiment": column_schema("trial_id", "metric_id", "metric_value", "value_type"),
        }
        return [_whole(tx, name, {"exp_id": exp_id}, schema) for name, schema in wanted.items()]

    trials, params, results = database.read(read)
    return pa.table(_results(trials, params, results))


def trials_table(database: Database, params: Mapping[str, Any]) -> Any:
    """The table of `ExperimentData.trials_arrow`; one statement."""
    check_installed()
    value = ("part", "id", "name", "text_value", "value_type")
    trial = ("config_id", "trial_runner_id", "context_id", "ts_start", "ts_end", "ts_queued", "status")
    schema = column_schema(*value, *trial)
    rows = database.read_one(lambda tx: _whole(tx, "trial_list_with_values", params, schema))
    part = _column(rows, "part")

    def part_of(name: str, columns: tuple[str, ...]) -> Any:
        return rows.filter(pc.equal(part, name)).select(columns).combine_chunks()

    def values(name: str) -> Any:
        return part_of(name, value[1:])

    trials = part_of(all_values.TRIAL, ("id", *trial)).sort_by("id").rename_columns(["trial_id", *trial])
    columns = _results(trials, values(all_values.CONFIG), values(all_values.RESULT))
    for name, prefix in all_values.MORE.items():
        keys = _column(trials, "context_id" if name == "context" else "trial_id")
        columns |= _wide(prefix, keys, values(name))
    columns["duration_s"] = _seconds(_column(trials, "ts_start"), _column(trials, "ts_end"))
    columns["queued_s"] = _seconds(_column(trials, "ts_queued"), _column(trials, "ts_start"))
    return pa.table(columns)


def _results(trials: Any, params: Any, results: Any) -> dict[str, Any]:
    """The columns of the trials' own, of their configs and of their results."""
    ids, configs = _column(trials, "trial_id"), _column(trials, "config_id")
    groups = trials.group_by("config_id").aggregate([("trial_id", "min")])
    group = pc.index_in(configs, value_set=_column(groups, "config_id"))
    columns = {
        "trial_id": ids,
        "ts_start": _column(trials, "ts_start"),
        "ts_end": _column(trials, "ts_end"),
        "tunable_config_id": configs,
        "tunable_config_trial_group_id": _column(groups, "trial_id_min").take(group),
        "status": _column(trials, "status"),
        "trial_runner_id": _column(trials, "trial_runner_id"),
    }
    columns |= _wide(ExperimentData.CONFIG_COLUMN_PREFIX, configs, params)
    columns |= _wide(ExperimentData.RESULT_COLUMN_PREFIX, ids, results)
    return columns


def _seconds(begin: Any, end: Any) -> Any:
    """The time between two columns of times, in seconds."""
    between = pc.subtract(end, begin).cast(pa.int64())
    return pc.divide(between.cast(pa.float64(), safe=False), 1e6)  # beyond 285 years to a few microseconds


def check_installed() -> None:
    """Raise ConfigError where pyarrow cannot be imported."""
    if _missing:
        raise ConfigError(f"pyarrow cannot be imported ({_missing}).", "pip install 'trialstore[arrow]'")


# --- reading ----------------------------------------------------------------------------------------------------------


def column_schema(*names: str) -> Any:
    """Columns of the database: ids of trials, configs and runners are integers, what begins with ts is a time."""
    time = pa.timestamp("us", tz="UTC")

    def kind(name: str) -> Any:
        return pa.int64() if name in _IDS else time if name.startswith("ts") else pa.string()

    return pa.schema([(name, kind(name)) for name in names])


def _whole(tx: Session, name: str, key: Mapping[str, Any], schema: Any) -> Any:
    return pa.Table.from_batches(tx.record_batches(name, key, schema), schema).combine_chunks()


def _column(table: Any, name: str) -> Any:
    """A column in one piece."""
    chunks = table.column(name)
    return chunks.chunk(0) if chunks.num_chunks == 1 else pa.concat_arrays(chunks.chunks or [pa.nulls(0, chunks.type)])


# --- values -----------------------------------------------------------------------------------------------------------


class Values(NamedTuple):
    """Values of a column, each an Arrow array.

    `shown` is the text for people, `number` the text to make numbers of, `kind` the type's letter: also of text that
    was stored without one, which counts as `i` or `f` where it looks like a number, else as `s`.
    """

    shown: Any
    number: Any
    kind: Any

    def take(self, rows: Any) -> Values:
        return Values(*(array.take(rows) for array in self))

    def slice(self, begin: int, length: int) -> Values:
        return Values(*(array.slice(begin, length) for array in self))


def read_values(texts: Any, kinds: Any) -> Values:
    """The values of columns of texts and types."""
    shown = number = texts
    untyped = pc.and_(pc.is_null(kinds), pc.is_valid(texts))
    if pc.any(untyped).as_py():
        is_int, is_float = (pc.match_substring_regex(texts, pattern) for pattern in (_UNTYPED_INT, _UNTYPED_FLOAT))
        odd = pc.and_(untyped, pc.invert(pc.or_(is_int, is_float)))
        kinds = pc.if_else(untyped, pc.if_else(is_int, "i", pc.if_else(is_float, "f", "s")), kinds)
        number, kinds = _read_odd(odd, texts, kinds)
    letters = {letter for letter in pc.unique(kinds).to_pylist() if letter is not None}
    for letter in letters - set("sifbj"):
        escaped = pc.equal(kinds, letter)
        shown = _replaced(shown, escaped, [_unescaped(text, letter) for text in shown.filter(escaped).to_pylist()])
    return Values(shown, number, kinds)


def _read_odd(odd: Any, texts: Any, kinds: Any) -> tuple[Any, Any]:
    """Texts and types after a look at the `odd` untyped texts, which may be numbers to Python alone: ' 1', '1_0'."""
    chosen = texts.filter(odd)
    parsed = {text: parse_untyped(text) for text in pc.unique(chosen).to_pylist()}
    if all(isinstance(value, str) for value in parsed.values()):
        return texts, kinds
    values = [parsed[text] for text in chosen.to_pylist()]
    letters = {int: "i", float: "f", str: "s"}
    return (
        _replaced(texts, odd, [str(value) for value in values]),
        _replaced(kinds, odd, [letters[type(value)] for value in values]),
    )


def _replaced(array: Any, mask: Any, values: list[str]) -> Any:
    return pc.replace_with_mask(array, pc.fill_null(mask, False), pa.array(values, pa.string()))


def _unescaped(text: str, letter: str) -> str:
    """The text that was escaped when stored; as it is stored where Arrow, which has UTF-8 only, cannot hold it."""
    value = decode(text, letter)
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return text
    return value if isinstance(value, str) else text


def value_and_text(values: Values) -> tuple[Any, Any]:
    """The columns `value` and `text` of telemetry."""
    is_number = pc.is_in(values.kind, value_set=pa.array(["i", "f"]))
    in_full = pc.and_(is_number, pc.invert(_beyond_double(values)))
    nothing = pa.scalar(None, pa.string())
    return (
        pc.if_else(is_number, values.number, nothing).cast(pa.float64()),
        pc.if_else(in_full, nothing, values.shown),
    )


def _beyond_double(values: Values) -> Any:
    """Which ones are integers beyond ±2^53, of which a double does not hold every one."""
    digits = pc.utf8_length(pc.utf8_ltrim(values.number, "-"))
    is_int = pc.fill_null(pc.equal(values.kind, "i"), False)
    longer, as_long = (pc.and_(is_int, compare(digits, 16)) for compare in (pc.greater, pc.equal))
    if not pc.any(as_long).as_py():
        return longer
    whole = pc.if_else(as_long, values.number, "0").cast(pa.int64())
    return pc.or_(longer, pc.greater(pc.abs(whole), _EXACT_IN_DOUBLE))


# --- from rows of values to columns -----------------------------------------------------------------------------------


def _wide(prefix: str, keys: Any, rows: Any) -> dict[str, Any]:
    """One column for each name in `rows` (key, name, text, type), sorted, with a value for each of `keys`."""
    rows = rows.filter(pc.is_valid(rows.column(1)))  # a config without parameters is a row of nulls
    row_keys, names, texts, kinds = (_column(rows, name) for name in rows.column_names)
    values = read_values(texts, kinds)
    found = {}
    for name, places in _by_name(names):
        own_keys, own = row_keys.take(places), values.take(places)
        if not own_keys.equals(keys):
            own = own.take(pc.index_in(keys, value_set=own_keys))
        found[f"{prefix}{name}"] = _typed(own)
    return dict(sorted(found.items()))


def _by_name(names: Any) -> Iterator[tuple[str, Any]]:
    """Each name with the places where it stands, ascending."""
    encoded = names.dictionary_encode()
    places = pc.sort_indices(encoded.indices)
    begin = 0
    for count in sorted(pc.value_counts(encoded.indices).to_pylist(), key=lambda count: count["values"]):
        yield encoded.dictionary[count["values"]].as_py(), places.slice(begin, count["counts"])
        begin += count["counts"]


def _typed(values: Values) -> Any:
    """The column in the narrowest of int64, double, bool and string that holds all of its values as they are."""
    letters = set(pc.unique(values.kind.filter(pc.is_valid(values.shown))).to_pylist())
    if letters == {"b"}:
        return pc.equal(values.shown, "True")
    if letters == {"i"}:
        try:
            return values.number.cast(pa.int64())
        except pa.ArrowInvalid:  # too large
            return values.shown
    if letters <= {"i", "f"} and not pc.any(_beyond_double(values)).as_py():
        return values.number.cast(pa.float64())
    return values.shown
