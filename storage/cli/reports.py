"""What a command found, as machines read it: JUnit, annotations of a hosted workflow, SARIF, and Prometheus' text.

A command makes a `Report` of what it looked at; `render` writes it in one of `FORMATS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import click

from trialstore.dialects.errors import StorageError
from trialstore.dialects.text import clean
from trialstore.sql.history import library_version

from .failures import print_errors, want_json
from .output import json_text

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
TEXT, JSON, PROMETHEUS = "text", "json", "prometheus"
PROGRAM = "trialstore"
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or to be known."""

    rule: str
    severity: str
    check: str
    """The name of the check that found it: a file, a migration, a table."""
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    accepted: str = ""
    """The reason for which somebody accepts it: it fails no check."""

    @property
    def fails(self) -> bool:
        """Whether the check that found it has failed."""
        return self.severity != NOTE and not self.accepted


@dataclass(frozen=True)
class Gauge:
    """A number for a monitoring system."""

    name: str
    help: str
    value: float


@dataclass(frozen=True)
class Report:
    """What a command found in what it looked at."""

    command: str
    subject: str
    """The database, or what else was looked at."""
    checks: Sequence[str]
    findings: Sequence[Finding]
    gauges: Sequence[Gauge] = ()


def render(report: Report, form: str) -> str:
    """The report in one of `FORMATS`, in lines."""
    return FORMATS[form](report)


def print_report(report: Report, form: str) -> None:
    """Print a report in one of `FORMATS`; one without anything to say prints nothing."""
    click.echo(render(report, form), nl=False)


def format_option(*more: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options --format and --json; it gets the name of the format as keyword `form`."""
    names = [TEXT, JSON, *(name for name in FORMATS if name != PROMETHEUS), *more]

    def with_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value:
            ctx.params["form"] = JSON
            want_json(ctx)

    def with_form(ctx: click.Context, _param: click.Parameter, value: str) -> str:
        form = JSON if ctx.params.get("form") == JSON and value == TEXT else value
        if form == JSON:
            want_json(ctx)
        elif form not in (TEXT, PROMETHEUS):  # there are no gauges of an error
            command = ctx.command_path.partition(" ")[2]
            print_errors(ctx, lambda error: print_report(_error_report(command, error), form))
        return form

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--json",
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=with_json,
                help="The same as --format json; errors too, as an object 'error'.",
            ),
            click.option(
                "--format",
                "form",
                type=click.Choice(names),
                default=TEXT,
                callback=with_form,
                help="For people (text), programs (json), test reports (junit), annotations of a workflow (github), "
                + (
                    "code scanning (sarif), or monitoring (prometheus)."
                    if PROMETHEUS in more
                    else "or code scanning (sarif)."
                ),
            ),
        ):
            command = option(command)
        return command

    return decorate


def _error_report(command: str, error: StorageError) -> Report:
    """An error that ended a command, as the one thing that it found: a file for machines is never empty."""
    finding = Finding("error", ERROR, type(error).__name__, error.message, error.hint)
    return Report(command, "ended by an error", [], [finding])


# --- JUnit ------------------------------------------------------------------------------------------------------------


def _junit(report: Report) -> str:
    """A test case for each finding that fails a check, and one for each check that found none."""
    from xml.etree import ElementTree as ET

    failing = [finding for finding in report.findings if finding.fails]
    failed = {finding.check for finding in failing}
    fine = [check for check in report.checks if check not in failed]
    counts = {"tests": str(len(failing) + len(fine)), "failures": str(len(failing)), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", counts)
    name = f"{PROGRAM} {report.command}"
    suite = ET.SubElement(root, "testsuite", {"name": _plain(f"{name}: {report.subject}"), **counts, "time": "0"})
    for check in fine:
        ET.SubElement(suite, "testcase", {"classname": name, "name": _plain(check), "time": "0"})
    for finding in failing:
        where = f" at line {finding.line}" if finding.line else ""
        case = {"classname": name, "name": _plain(f"{finding.check}: {finding.rule}{where}"), "time": "0"}
        if finding.file:
            case |= {"file": _plain(finding.file), "line": str(finding.line)}
        failure = ET.SubElement(
            ET.SubElement(suite, "testcase", case),
            "failure",
            {"type": finding.rule, "message": _plain(finding.message)},
        )
        failure.text = _plain(_sentence(finding))
    ET.indent(root)
    # In ASCII, with references for other characters, since standard output may have any encoding.
    written: bytes = ET.tostring(root, encoding="us-ascii")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + written.decode("ascii") + "\n"


def _plain(text: str) -> str:
    """Text without characters that do not print, most of which XML cannot hold."""
    return clean(text)


# --- annotations of a hosted workflow ---------------------------------------------------------------------------------

_LEVELS = {ERROR: "error", WARNING: "warning", NOTE: "notice"}


def _github(report: Report) -> str:
    return "".join(f"{line}\n" for line in _annotations(report))


def _annotations(report: Report) -> Iterator[str]:
    for finding in report.findings:
        if finding.accepted:
            continue
        properties = {"title": f"{report.command}: {finding.rule}"}
        if finding.file:
            properties |= {"file": finding.file, "line": str(finding.line)}
        stated = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
        place = "" if finding.file else f"{finding.check}: "
        yield f"::{_LEVELS[finding.severity]} {stated}::{_escaped(place + _sentence(finding))}"


def _escaped(text: str, more: str = "") -> str:
    """Text without the characters that end a property or an annotation; what does not print is clean already."""
    return re.sub(f"[%\r\n{more}]", lambda match: f"%{ord(match[0]):02X}", clean(text))


# --- SARIF ------------------------------------------------------------------------------------------------------------


def _sarif(report: Report) -> str:
    rules = {finding.rule: finding for finding in report.findings}
    driver = {
        "name": f"{PROGRAM} {report.command}",
        "version": library_version(),
        "rules": [
            {
                "id": rule,
                "shortDescription": {"text": rule.replace("-", " ")},
                "help": {"text": one.hint or one.message},
            }
            for rule, one in sorted(rules.items())
        ],
    }
    run = {"tool": {"driver": driver}, "results": [_result(report, finding) for finding in report.findings]}
    return json_text({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _result(report: Report, finding: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": f"{report.subject}: {finding.check}", "kind": "object"}]
    }
    if finding.file:
        artifact = {"uri": quote(finding.file.replace("\\", "/"), safe="/:")}
        place = {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": finding.line}}}
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": finding.severity,
        "message": {"text": _sentence(finding)},
        "locations": [place],
    }
    if finding.accepted:
        found["suppressions"] = [{"kind": "inSource", "justification": finding.accepted}]
    return found


# --- Prometheus -------------------------------------------------------------------------------------------------------


def _prometheus(report: Report) -> str:
    label = clean(report.subject).replace("\\", "\\\\").replace('"', '\\"')
    lines = []
    for gauge in report.gauges:
        name = f"{PROGRAM}_{gauge.name}"
        lines += [
            f"# HELP {name} {gauge.help}",
            f"# TYPE {name} gauge",
            f'{name}{{database="{label}"}} {gauge.value:g}',
        ]
    return "".join(f"{line}\n" for line in lines)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "junit": _junit,
    "github": _github,
    "sarif": _sarif,
    PROMETHEUS: _prometheus,
}


def _sentence(finding: Finding) -> str:
    return f"{finding.message} {finding.hint}".strip()
