"""The command `trialstore schema lint`: dangerous statements in files of SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from trialstore.dialects.base import Dialect
from trialstore.dialects.errors import ConfigError, nearest
from trialstore.dialects.registry import engine_class, known_backends
from trialstore.dialects.text import clean
from trialstore.sql.catalogue import ROOT
from trialstore.sql.lint import SEVERITIES, LintFinding, RuleBook, lint, load_rules

from .exit_codes import BROKEN, FINE
from .output import console, json_text, print_sentence, print_table, say
from .reports import JSON, TEXT, Finding, Report, format_option, print_report


@dataclass(frozen=True)
class _Source:
    """A file to look at, and how it is named to the reader."""

    path: Path
    name: str
    dialect: type[Dialect]

    @property
    def book(self) -> RuleBook:
        return load_rules(Path(self.dialect.migrations_folder).parent)

    def read(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"{self.name} is not UTF-8.", "Convert the file.") from None
        except OSError as exc:
            raise ConfigError(f"{self.name} cannot be read: {exc.strerror}.", "Name another file.") from None


@click.command(name="lint")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--dialect",
    "--engine",
    "dialects",
    metavar="NAME",
    multiple=True,
    help="Engine of the files. Without PATHS: check only this engine's migrations.",
)
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), default="warning", show_default=True, help="Lowest severity that fails."
)
@click.option("--accepted", is_flag=True, help="Also show accepted findings, with their reasons.")
@click.option("--rules", "list_rules", is_flag=True, help="List the rules instead.")
@format_option()
@click.pass_context
def lint_files(
    ctx: click.Context,
    paths: tuple[Path, ...],
    dialects: tuple[str, ...],
    fail_on: str,
    form: str,
    *,
    accepted: bool,
    list_rules: bool,
) -> None:
    """Find dangerous statements in files of SQL: what loses data, stops others for long, or fails on filled tables.

    PATHS are files, or folders with files *.sql, for the one engine that --dialect names; without PATHS, the migrations
    of this library are looked at. A file accepts a finding by a comment '-- accept: RULE reason': before its first
    statement for all of it, before another for that statement. Needs neither a database nor a driver. Exit code 4 says
    that something was found that nobody has accepted.
    """
    engines = {cls.name: cls for cls in map(engine_class, dialects or known_backends())}
    if list_rules:
        _print_rules(engines, form)
        return
    if paths and len(engines) != 1:
        raise click.UsageError("Name the engine that the files are for, with --dialect.")
    sources = list(_named(paths, *engines.values()) if paths else _own(engines.values()))
    found = [(source, finding) for source in sources for finding in lint(source.read(), source.name, source.book)]
    findings = [_finding(finding) for _, finding in found]
    if form == TEXT:
        _print(findings, len(sources), accepted=accepted)
    elif form == JSON:
        say(json_text({"files": [source.name for source in sources], "findings": [_dict(one) for _, one in found]}))
    else:
        subject = ", ".join(engines)
        print_report(Report("schema lint", subject, [source.name for source in sources], findings), form)
    counting = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    failed = any(one.severity in counting and not one.accepted for one in findings)
    ctx.exit(BROKEN if failed else FINE)


def _named(paths: Sequence[Path], dialect: type[Dialect]) -> Iterator[_Source]:
    for path in paths:
        files = sorted(path.rglob("*.sql")) if path.is_dir() else [path]
        if not files:
            raise ConfigError(f"{clean(str(path))} has no files *.sql.", "Name a folder that has some, or a file.")
        yield from (_Source(file, clean(file.as_posix()), dialect) for file in files)


def _own(dialects: Iterable[type[Dialect]]) -> Iterator[_Source]:
    """The migrations of the library, named relative to the current folder if they are below it."""
    for dialect in dialects:
        folder = ROOT / dialect.migrations_folder
        for file in sorted(folder.glob("*.sql")):
            base = Path.cwd() if file.is_relative_to(Path.cwd()) else ROOT if file.is_relative_to(ROOT) else Path("/")
            yield _Source(file, file.relative_to(base).as_posix(), dialect)


def _finding(found: LintFinding) -> Finding:
    rule = found.rule
    return Finding(
        rule.name, rule.severity, found.file, rule.wrong, rule.do, found.file, found.line, accepted=found.accepted
    )


def _dict(found: LintFinding) -> dict[str, Any]:
    rule = found.rule
    return {
        "rule": rule.name,
        "severity": rule.severity,
        "file": found.file,
        "line": found.line,
        "statement": found.statement,
        "wrong": rule.wrong,
        "do": rule.do,
        "accepted": found.accepted or None,
    }


def _print(findings: Sequence[Finding], files: int, *, accepted: bool) -> None:
    """A line for each finding; what is wrong, and what to do, once for all that a file has of one kind in a row."""
    before = None
    for one in findings:
        if one.accepted and not accepted:
            continue
        state = "accepted" if one.accepted else one.severity
        say(f"{one.file}:{one.line}: {state}: {one.rule}")
        if (one.file, one.rule) != before:
            lines = (f"because: {one.accepted}",) if one.accepted else (one.message, f"do: {one.hint}")
            say("\n".join(f"    {clean(line)}" for line in lines))
        before = one.file, one.rule
    counts = Counter("accepted" if one.accepted else one.severity for one in findings)
    found = [f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in SEVERITIES if counts[kind]]
    found += [f"{counts['accepted']} accepted"] if counts["accepted"] else []
    print_sentence(f"{files} file{'s' * (files != 1)}: {', '.join(found) or 'nothing found'}.")


def _print_rules(engines: dict[str, type[Dialect]], form: str) -> None:
    books = {name: load_rules(Path(cls.migrations_folder).parent).rules for name, cls in engines.items()}
    rules = [(name, rule) for name, book in sorted(books.items()) for rule in book.values()]
    if form == JSON:
        keys = ("name", "severity", "wrong", "do")
        say(json_text([{"engine": name, **{key: getattr(rule, key) for key in keys}} for name, rule in rules]))
    elif form == TEXT:
        columns = ("engine", "rule", "severity", "what is wrong")
        print_table(console(), "", columns, [(name, rule.name, rule.severity, rule.wrong) for name, rule in rules])
    else:
        raise click.UsageError(f"Rules are listed as text or JSON. {nearest(form, (TEXT, JSON))}".strip())
