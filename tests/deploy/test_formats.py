"""What `trialstore schema status`, `plan` and `verify` print for machines."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from deploy.commands import Run, ok
from trialstore.contract.helpers import bare, execute, migrate_to
from trialstore.contract.modes import Config
from trialstore.sql.migrations import load_migrations
from trialstore.storage import SqlStorage
from upgrade.databases import drop_views

CHAIN = [str(migration) for migration in load_migrations("sqlite/migrations")]


def cases(text: str) -> tuple[list[str], list[str]]:
    """The names of the test cases of a JUnit report that passed, and of those that failed."""
    found = ET.fromstring(text).iter("testcase")  # noqa: S314 - our own
    named = [(case.attrib["name"], case.find("failure") is not None) for case in found]
    return [name for name, failed in named if not failed], [name for name, failed in named if failed]


def gauges(text: str) -> dict[str, float]:
    assert len(re.findall(r"^# TYPE \w+ gauge$", text, re.MULTILINE)) == text.count("# HELP ")
    return {
        name: float(value) for name, value in re.findall(r'^(\w+)\{database="[^"\n]+"\} (\S+)$', text, re.MULTILINE)
    }


def test_migrations_are_test_cases_that_fail_while_they_are_pending(empty: Config, run: Run) -> None:
    migrate_to(empty, 9)
    passed, failed = cases(ok(run(empty, "status", "--format", "junit"), 3))
    assert passed == ["history", *CHAIN[:9]]
    assert failed == [f"{name}: migration-pending" for name in CHAIN[9:]]
    assert cases(ok(run(empty, "plan", "--format", "junit"), 3))[1] == failed
    lines = ok(run(empty, "status", "--format", "github"), 3).splitlines()
    assert [line.split("::")[2].split(":")[0] for line in lines] == CHAIN[9:]
    assert all(line.startswith("::warning title=schema status%3A migration-pending::") for line in lines)
    told = gauges(ok(run(empty, "status", "--format", "prometheus"), 3))
    assert told == {
        "trialstore_schema_version": 9,
        "trialstore_schema_newest_version": len(CHAIN),
        "trialstore_schema_pending": len(CHAIN) - 9,
        "trialstore_schema_broken": 0,
    }


def test_a_schema_that_is_as_it_should_be_has_nothing_to_say(empty: Config, run: Run) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    for command in ("status", "plan", "verify"):
        assert ok(run(empty, command, "--format", "github")) == ""
        assert cases(ok(run(empty, command, "--format", "junit")))[1] == []
        assert json.loads(ok(run(empty, command, "--format", "sarif")))["runs"][0]["results"] == []


def test_differences_are_errors_and_additions_are_notes(empty: Config, run: Run) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    with bare(empty) as storage:
        drop_views(storage)
        execute(storage, "CREATE TABLE invoice (number INTEGER)", "DROP TABLE objectives")
    (run_found,) = json.loads(ok(run(empty, "verify", "--format", "sarif"), 4))["runs"]
    levels = {one["level"] for one in run_found["results"] if "objectives" in one["message"]["text"]}
    assert levels == {"error"}
    assert [one["level"] for one in run_found["results"] if "invoice" in one["message"]["text"]] == ["note"]
    assert gauges(ok(run(empty, "verify", "--format", "prometheus"), 4))["trialstore_schema_additions"] == 1
    lines = ok(run(empty, "verify", "--format", "github"), 4).splitlines()
    assert [line for line in lines if "invoice" in line and line.startswith("::notice ")]
    strict = ok(run(empty, "verify", "--strict", "--format", "github"), 4).splitlines()
    assert [line for line in strict if "invoice" in line and line.startswith("::error ")]


def test_a_broken_history_is_an_error(empty: Config, run: Run) -> None:
    SqlStorage({**empty, "schema_policy": "update"}).dispose()
    with bare(empty) as storage:
        execute(storage, "UPDATE trialstore_schema SET slug = 'other' WHERE version = 3")
    assert cases(ok(run(empty, "status", "--format", "junit"), 4))[1] == ["history: schema-broken"]
    assert gauges(ok(run(empty, "status", "--format", "prometheus"), 4))["trialstore_schema_broken"] == 1


@pytest.mark.parametrize("words", [("--json",), ("--format", "json"), ("--json", "--format", "json")])
def test_json_has_two_names(empty: Config, run: Run, words: tuple[str, ...]) -> None:
    assert json.loads(ok(run(empty, "status", *words), 3))["version"] == 0
