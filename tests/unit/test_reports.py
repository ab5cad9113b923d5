"""Reports for machines: whatever a finding is named, it stays in its place."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from command_tree import invoke
from trialstore.storage.cli.reports import ERROR, NOTE, WARNING, Finding, Gauge, Report, render

HOSTILE = 'a"b<c>&,:%\n::error::x\x1b[31m\\'
REPORT = Report(
    "schema lint",
    HOSTILE,
    [HOSTILE, "fine.sql"],
    [
        Finding("one", ERROR, HOSTILE, HOSTILE, HOSTILE, file=HOSTILE, line=3),
        Finding("two", WARNING, HOSTILE, "wrong", file="a b.sql", line=4, accepted="a reason"),
        Finding("three", NOTE, "fine.sql", "to know"),
    ],
    [Gauge("number", "A number.", 2)],
)


def test_junit_has_a_case_for_each_failure_and_each_check_without_one() -> None:
    root = ET.fromstring(render(REPORT, "junit"))  # noqa: S314 - our own
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    fine, failed = root.iter("testcase")
    assert (fine.attrib["name"], fine.find("failure")) == ("fine.sql", None)
    failure = failed.find("failure")
    assert failure is not None
    assert (failed.attrib["line"], failure.attrib["type"]) == ("3", "one")


def test_junit_is_the_same_in_whatever_encoding_it_is_written() -> None:
    name = "größe.sql ☃"
    text = render(Report("schema lint", "x", [name], []), "junit")
    assert text.isascii()
    (fine,) = ET.fromstring(text).iter("testcase")  # noqa: S314 - our own
    assert fine.attrib["name"] == name


def test_an_annotation_is_one_line_that_nothing_breaks_out_of() -> None:
    error, note = render(REPORT, "github").splitlines()
    properties, _, message = error.removeprefix("::error ").partition("::")
    assert [one.partition("=")[0] for one in properties.split(",")] == ["title", "file", "line"]
    assert message.count("\\n::error::x") == 2  # as text
    assert "%25" in message
    assert note == "::notice title=schema lint%3A three::fine.sql: to know"


def test_sarif_names_places_and_keeps_what_was_accepted() -> None:
    told = json.loads(render(REPORT, "sarif"))
    (run,) = told["runs"]
    first, second, third = run["results"]
    assert told["version"] == "2.1.0"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"one", "two", "three"}
    place = second["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a%20b.sql", 4)
    assert second["suppressions"] == [{"kind": "inSource", "justification": "a reason"}]
    assert [one["level"] for one in (first, second, third)] == ["error", "warning", "note"]
    assert "logicalLocations" in third["locations"][0]


def test_a_label_of_prometheus_ends_where_it_should() -> None:
    *_, line = render(REPORT, "prometheus").splitlines()
    assert line.startswith('trialstore_number{database="a\\"b<c>')
    assert line.endswith('\\\\"} 2')


def test_an_error_is_a_finding_in_each_format_of_reports(tmp_path: Path) -> None:
    def output(form: str) -> str:
        words = ["schema", "verify", "--url", f"sqlite:///{tmp_path}/missing.sqlite", "--format", form]
        result = invoke(words)
        assert result.exit_code == 1
        return result.stdout

    failure = ET.fromstring(output("junit")).find("*/testcase/failure")  # noqa: S314 - our own
    assert failure is not None
    assert "no database file" in failure.attrib["message"]
    (found,) = json.loads(output("sarif"))["runs"][0]["results"]
    assert (found["level"], "no database file" in found["message"]["text"]) == ("error", True)
    assert (
        output("github").splitlines()[0].startswith("::error title=schema verify%3A error::ConnectError: There is no")
    )
    assert "trialstore_schema" not in output("prometheus")
