"""The language of searches: what it refuses, and where it says that the mistake is."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from trialstore.storage import ValueRejected
from trialstore.storage.reading.search.found import Search
from trialstore.storage.reading.search.normal import MOST_ROWS, normal_form
from trialstore.storage.reading.search.parser import parse, parse_field
from trialstore.storage.reading.search.tree import All, Atom, Node, Not
from trialstore.storage.reading.search.tree import Any as Either

EITHER = " and ".join(f"(result.a{n} < 1 or result.b{n} < 1)" for n in range(12))
BOTH = " or ".join(f"result.a{n} < 1 and result.b{n} < 1" for n in range(12))

BAD = {
    "status == 'SUCEEDED'": ("column 11", "SUCCEEDED"),
    "status = 'FAILED'": ("column", "=="),
    "status == 5": ("column 11", "status holds text"),
    "trial_id == 'a'": ("column 13", "trial_id holds numbers"),
    "ts_start > 5": ("column 12", "times"),
    "ts_start > 'tomorrow'": ("column 12", "times"),
    "duration_s < 'long'": ("column 14", "numbers"),
    "1 <= status": ("column 1", "status holds text"),
    "statsu == 'FAILED'": ("column 1", "'status'"),
    "results.x < 1": ("column 1", "'result'"),
    "result < 1": ("column 1", "result.NAME"),
    "status.x == 'a'": ("column 1", "status alone"),
    "config.a.b == 1": ("column 1", 'config["a.b"]'),
    "config['a']['b'] == 1": ("column 1", "one name"),
    "config[0] == 1": ("column 1", "brackets"),
    "config[''] == 1": ("column 1", "name"),
    "open('x') == 1": ("column 1", "calls"),
    "result.x < max(1, 2)": ("column 12", "calls"),
    "result.x.__class__ == 1": ("column 1", "one name"),
    "(lambda: 1)() == result.x": ("column", "calls"),
    "lambda: result.x": ("column 1", "functions"),
    "[trial_id for trial_id in [1]]": ("column 1", "no condition"),
    "result.x if result.y else result.z": ("column 1", "'if'"),
    "result.x < 1 + 1": ("column 12", "computed"),
    "result.x + 1 < 2": ("column 1", "computed"),
    "result.x < result.y": ("column 12", "two fields"),
    "1 < 2": ("column 1", "no field"),
    "'a'": ("column 1", "no condition"),
    "result.x == b'a'": ("column 13", "type"),
    "result.x == 1j": ("column 13", "type"),
    "result.x == f'{status}'": ("column 13", "f-string"),
    "result.x == [1]": ("column 13", "'in'"),
    "result.x in 5": ("column 13", "list"),
    "result.x in 'abc'": ("column 13", "list"),
    "result.x in [result.y]": ("column 14", "this is no condition"),
    "5 in result.x": ("column 1", "text"),
    "'a' in trial_id": ("column 1", "contain no text"),
    "result.x is 5": ("column 13", "None"),
    "result.x < None": ("column 12", "less"),
    "result.x == 1e999": ("column 13", "too large"),
    "result.x < 'a\\0'": ("column 12", "NUL"),
    "(result.x < 1) & (result.y < 2)": ("column 1", "'and'"),
    "result.x < 1; DROP TABLE trial": ("column", "syntax"),
    "result.x < 1 -- and": ("column", "syntax"),
    "not": ("column", "syntax"),
    "(" * 300: ("where", "column"),
    "not " * 5000 + "result.x": ("where", "nested"),
    "result.x < 1\x1b[31m": ("column 13", "does not print"),
    "result.x\x00 < 1": ("column 9", "does not print"),
    "status == 'FAILED'\n  and result.x <\n  foo": ("line 3, column 3", "no field 'foo'"),
    "ä < 1 or 日本.x < 2": ("column 1", "no field"),
    "metadata.ä < 1 or results.x < 2": ("column 19", "'result'"),
    "'; DROP TABLE trial; --' == trial_id": ("column 1", "numbers"),
    " or ".join(["result.x == 1"] * 1000): ("column", "500"),
    f"trial_id in {list(range(1000))}": ("column", "500"),
    f"{EITHER} and ({BOTH})": ("where", "2,000"),
    "x" * 200_000: ("where", "100,000"),
}
"""What is refused → what the error says."""


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_the_language_does_not_have_is_refused_with_its_position(text: str) -> None:
    with pytest.raises(ValueRejected) as caught:
        Search(text)
    message = str(caught.value)
    assert all(words in message for words in BAD[text]), message
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize("field", ["results.x", "result.x < 1", "", "result.x; DROP TABLE trial", "5", 5, "result"])
def test_what_is_no_field_orders_nothing(field: Any) -> None:
    with pytest.raises(ValueRejected, match="order_by"):
        Search(None, order_by=field)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"descending": True}, "order_by"),
        ({"limit": -1}, "limit"),
        ({"offset": 0.5}, "offset"),
        ({"where": 5}, "where"),
    ],
)
def test_other_arguments_are_checked(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueRejected, match=named):
        Search(**{"where": None, **arguments})


def test_values_are_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueRejected) as caught:
        Search("result.x == 'hunter2-s3cret' and result.y < foo")
    assert "hunter2" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("text", ["result.seconds", "config['odd name']", "status", 'metadata["a\\tb"]'])
def test_a_field_is_shown_as_it_is_written(text: str) -> None:
    found = parse_field(text, "order_by")
    assert parse_field(str(found), "order_by") == found


def holds(node: Node, true: dict[Atom, bool]) -> bool:
    """Whether a condition is true where these comparisons are."""
    if isinstance(node, Not):
        return not holds(node.part, true)
    if isinstance(node, Atom):
        return true[node]
    return (all if isinstance(node, All) else any)(holds(part, true) for part in node.parts)


@pytest.mark.parametrize(
    "text",
    [
        "result.a == 1 and not (result.b == 1 or result.c == 1)",
        "not (result.a == 1 and (result.b == 1 or not result.c == 1))",
        "(result.a == 1 or result.b == 1) and (result.c == 1 or result.d == 1) and (result.a == 1 or result.d == 1)",
        "result.a == 1 and not result.a == 1",
        "result.a == 1 or not result.a == 1",
    ],
)
def test_a_normal_form_means_the_same(text: str) -> None:
    condition = parse(text)
    terms = normal_form(condition)
    rows: list[dict[str, Any]] = terms.rows
    atoms = {name: atom for name in "abcd" for atom in [parse(f"result.{name} == 1")] if isinstance(atom, Atom)}
    for values in itertools.product([False, True], repeat=len(atoms)):
        true = dict(zip(atoms, values, strict=True))
        sums: dict[int, int] = {}
        needed = {row["c"]: row["n"] for row in rows}
        for row in rows:
            hit = row["o"] == "==" and true[row["r"]]
            sums[row["c"]] = sums.get(row["c"], 0) + (row["w"] if hit else 0)
        found = any(sums[clause] == needed[clause] for clause in sums)
        assert (found == bool(terms.wanted)) is holds(condition, {atoms[name]: value for name, value in true.items()})


def test_the_shorter_normal_form_is_taken() -> None:
    alternatives = parse(" and ".join(f"(result.a{n} < 1 or result.b{n} < 1)" for n in range(40)))
    assert isinstance(alternatives, All)
    assert all(isinstance(part, Either) for part in alternatives.parts)
    assert len(normal_form(alternatives).rows) == 80 < MOST_ROWS
