"""`trialstore tag`, `untag` and `note`, and what `show` prints of attributes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from command_tree import invoke
from trialstore.contract.helpers import finish, make_experiment, same
from trialstore.storage import SqlStorage
from trialstore.storage.base_attributes import Attributed
from trialstore.storage.base_experiment_data import ExperimentData
from trialstore.storage.cli.attributes import read_value
from trialstore.storage.config.keys import config_from_url

IDS = ("a", "a:3", "a:3:1", "b:")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with experiments whose ids hold colons, each with trials 1 to 3."""
    path = tmp_path / "data.sqlite"
    with SqlStorage({"drivername": "sqlite", "database": str(path)}) as storage:
        for name in IDS:
            with make_experiment(storage, name) as experiment:
                for _ in range(3):
                    finish(experiment.new_trial({}))
    return f"sqlite:///{path}"


def call(*arguments: str) -> Result:
    return invoke(list(arguments))


def ok(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


def attributes(url: str) -> dict[str, dict[str, Any]]:
    """All that have attributes, as EXPERIMENT or EXPERIMENT/TRIAL."""
    with SqlStorage(config_from_url(url)) as storage:
        found: dict[str, Attributed] = {}
        for name, data in storage.experiments.items():
            assert isinstance(data, ExperimentData)
            found[name] = data
            found.update({f"{name}/{trial_id}": trial for trial_id, trial in data.trials.items()})
        return {name: each.attributes for name, each in found.items() if each.attributes}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("NaN", math.nan),
        ("-Infinity", -math.inf),
        ("true", True),
        ("True", True),
        ("false", False),
        ("null", None),
        ("None", None),
        ('"3"', "3"),
        ("'3'", "3"),
        ('"a\\nb"', "a\nb"),
        ("[1, 'x', None]", [1, "x", None]),
        ('{"a": [true]}', {"a": [True]}),
        ("{'a': {'b': 1.5}}", {"a": {"b": 1.5}}),
        ("", ""),
        ("text", "text"),
        ("two words", "two words"),
        ("2026-03-04", "2026-03-04"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("1+1", "1+1"),
        ("nan", "nan"),
        ("[draft", "[draft"),
        ("(see below", "(see below"),
        ("'", "'"),
        ("__import__('os')", "__import__('os')"),
        ("[" * 5000, "[" * 5000),
        ("9" * 5000, "9" * 5000),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_read_as_json_or_python_else_as_text(text: str, value: Any) -> None:
    assert same(read_value(text), value)


def test_tags_have_the_types_of_their_values_and_are_printed_apart(url: str) -> None:
    output = ok(
        "tag", "a", "n=3", 's="3"', "host=db1", "x=None", "key with space=a=b", "deep=[1, {'a': 2.5}]", "--url", url
    )
    assert attributes(url) == {
        "a": {"deep": [1, {"a": 2.5}], "host": "db1", "key with space": "a=b", "n": 3, "s": "3", "x": None}
    }
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    for expected in (["n", "3"], ["s", "'3'"], ["host", "db1"], ["x", "None"]):
        assert expected in lines
    assert ok("tag", "a", "--url", url) == output
    ok("tag", "a", "n=4", "--url", url)
    assert attributes(url)["a"]["n"] == 4


def test_json_has_all_attributes(url: str) -> None:
    output = ok("tag", "a:1", "bad=NaN", "list=[1, -Infinity]", "s=\u00e9", "--json", "--url", url)
    assert json.loads(output) == {"bad": "NaN", "list": [1, "-Infinity"], "s": "\u00e9"}
    assert json.loads(ok("tag", "a", "--json", "--url", url)) == {}


@pytest.mark.parametrize(
    ("named", "more", "owner"),
    [
        ("a", (), "a"),
        ("a:1", (), "a/1"),
        ("a:3", (), "a:3"),
        ("a:3:1", (), "a:3:1"),
        ("a:3:2", (), "a:3/2"),
        ("a:3:1:2", (), "a:3:1/2"),
        ("b:", (), "b:"),
        ("b::2", (), "b:/2"),
        ("a", ("--trial", "3"), "a/3"),
        ("a:3", ("--trial", "1"), "a:3/1"),
    ],
)
def test_the_longest_experiment_id_that_there_is_counts(
    url: str, named: str, more: tuple[str, ...], owner: str
) -> None:
    ok("tag", named, "k=1", *more, "--url", url)
    assert attributes(url) == {owner: {"k": 1}}
    ok("note", named, "a note", *more, "--url", url)
    assert ok("note", named, *more, "--url", url) == "a note\n"
    ok("untag", named, "k", "note", "missing", *more, "--url", url)
    assert attributes(url) == {}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("a:7", ("Experiment 'a' has no trial 7", "1 to 3")),
        ("a:" + "9" * 5000, ("Experiment 'a' has no trial",)),
        ("c", ("no experiment 'c'",)),
        ("a:x", ("no experiment 'a:x'",)),
        ("a:-1", ("no experiment 'a:-1'",)),
        ("a:\u0663", ("no experiment",)),
    ],
)
def test_what_is_not_there_is_named(url: str, named: str, words: tuple[str, ...]) -> None:
    for command in (("tag", named, "k=1"), ("untag", named, "k"), ("note", named, "x"), ("note", named)):
        result = call(*command, "--url", url)
        assert result.exit_code == 1
        assert all(word in result.stderr for word in words)
    assert attributes(url) == {}


@pytest.mark.parametrize("pairs", [("k",), ("=v",), ("k=1", "k=2"), ("k=1", "x\x1b")])
def test_what_is_no_pair_is_a_usage_error_and_nothing_is_written(url: str, pairs: tuple[str, ...]) -> None:
    result = call("tag", "a", *pairs, "--url", url)
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert attributes(url) == {}


def test_a_value_that_is_too_long_or_of_a_wrong_type_is_refused_by_its_key(url: str) -> None:
    for value, words in (("x" * 70_000, "70,000 bytes"), ("{1, 2}", "set"), ("[b'x']", "bytes")):
        result = call("tag", "a", "good=1", f"bad={value}", "--url", url)
        assert result.exit_code == 1
        assert "'bad'" in result.stderr
        assert words in result.stderr
    assert attributes(url) == {}


def test_a_note_is_text_whatever_it_looks_like_and_is_printed_without_control_characters(url: str) -> None:
    assert ok("note", "a:2", "--url", url) == "There is no note.\n"
    ok("note", "a:2", "3", "--url", url)
    assert attributes(url) == {"a/2": {"note": "3"}}
    ok("note", "a:2", "two\nlines \x1b[31mred", "--url", url)
    assert ok("note", "a:2", "--url", url) == "two\nlines \\x1b[31mred\n"


def test_show_prints_the_attributes_of_the_experiment_and_of_the_trial(url: str) -> None:
    assert "Attributes" not in ok("show", "a", "--url", url)
    assert "Attributes: none" in ok("show", "a", "--trial", "1", "--url", url)
    ok("tag", "a", "owner=Ada", "--url", url)
    ok("tag", "a:1", 'limit="7"', "--url", url)
    lines = [line.split() for line in ok("show", "a", "--url", url).splitlines()]
    assert ["owner", "Ada"] in lines
    lines = [line.split() for line in ok("show", "a", "--trial", "1", "--url", url).splitlines()]
    assert ["limit", "'7'"] in lines
    assert ["owner", "Ada"] not in lines


def test_all_trials_that_fit_are_tagged_and_counted(url: str) -> None:
    assert ok("tag", "a", "n=3", "--where", "trial_id >= 2", "--url", url) == "Tagged 2 trials.\n"
    assert ok("tag", "a", "n=4", "--where", "attribute.n == 3 and trial_id > 2", "--url", url) == "Tagged 1 trial.\n"
    assert attributes(url) == {"a/2": {"n": 3}, "a/3": {"n": 4}}
    assert ok("note", "a", "odd", "--where", "attribute.n > 3", "--url", url) == "Wrote the note to 1 trial.\n"
    assert ok("untag", "a", "n", "missing", "--where", "", "--url", url) == "Untagged 3 trials.\n"
    assert attributes(url) == {"a/3": {"note": "odd"}}
    for command in (("tag", "a", "k=1"), ("untag", "a", "note"), ("note", "a", "x")):
        assert ok(*command, "--where", "trial_id > 3", "--url", url) == "No trial fits.\n"
    assert attributes(url) == {"a/3": {"note": "odd"}}


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("tag", "a", "--where", ""), 2, "KEY=VALUE"),
        (("tag", "a", "k=1", "--json", "--where", ""), 2, "--json"),
        (("note", "a", "--where", ""), 2, "the text of the note"),
        (("tag", "a", "k=1", "--trial", "1", "--where", ""), 2, "--trial"),
        (("tag", "a:2", "k=1", "--where", ""), 1, "no experiment 'a:2'"),
        (("tag", "a", "k=1", "--where", "trial_di > 1"), 1, "trial_id"),
        (("tag", "a", "k={1}", "--where", "trial_id > 1"), 1, "'k'"),
    ],
)
def test_what_does_not_go_with_a_search_is_refused(url: str, command: tuple[str, ...], code: int, words: str) -> None:
    result = call(*command, "--url", url)
    assert result.exit_code == code
    assert words in result.stderr
    assert attributes(url) == {}
