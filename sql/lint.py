"""Dangerous statements in files of SQL: those that lose data, stop others for long, or fail on tables that are not
empty.

The rules are data. `sql/lint.ini` has those for all engines, `sql/<engine>/lint.ini` those of one engine, where a
section with the name of a shared rule changes that rule. A section is a rule:

    [drop-table]
    severity = error | warning | note
    scope = statement | clause | element | file
    match = a pattern for the text: in capitals, one blank between two words, strings as ''
    unless = a pattern: if it is found too, there is no finding
    existing = yes: not for tables that the file itself has created before
    transaction = yes: only inside a transaction
    outline = yes: the patterns see nothing that is in parentheses
    wrong = what is wrong with it
    do = what to do

A clause is a part of ALTER TABLE between two commas, an element is one of CREATE TABLE; for them and for statements the
pattern must match from the first word on. With the scope `file` the pattern sees all statements, each on a line.

A file accepts what is found in it by a comment `-- accept: RULE reason`, before the first statement for all of the
file, before another for that one alone.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from trialstore.dialects.errors import CatalogueError

from .reading import FILE, Comment, SqlFile, SqlStatement, Syntax, load_syntax, read_rules, read_sql

SEVERITIES = ("error", "warning", "note")
UNREADABLE, UNKNOWN, UNREASONED, UNUSED = "unreadable", "accept-unknown", "accept-unreasoned", "accept-unused"
_SCOPES = ("statement", "clause", "element", "file")
_FLAGS = ("existing", "transaction", "outline")
_KEYS = {"severity", "scope", "match", "unless", "wrong", "do", *_FLAGS}
_NAME = r"(?:[^\s().]+ \. )*(?P<table>[^\s().]+)"
_ALTER = re.compile(rf"\bALTER (?:\w+ )?TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} (?:\* )?")
_CREATE = re.compile(rf"\bCREATE (?:\w+ ){{0,2}}TABLE (?:IF NOT EXISTS )?{_NAME} (?=\()")
_CREATED = re.compile(rf"\bCREATE (?:\w+ ){{0,2}}TABLE (?:IF NOT EXISTS )?{_NAME}(?= |$)")
_NAMED = re.compile(
    r"\b(?:ALTER (?:\w+ )?TABLE|(?:DROP|TRUNCATE)(?: TABLE)?|UPDATE|DELETE FROM|CREATE .*?INDEX .*?\bON)"
    rf"(?: IF EXISTS)?(?: ONLY)? {_NAME}(?= |$)"
)
_ACCEPT = re.compile(r"accept:\s*([\w-]*)\s*(.*)")
_BEGIN, _END = re.compile(r"(?:BEGIN|START TRANSACTION)\b"), re.compile(r"(?:COMMIT|END|ROLLBACK(?! TO)|ABORT)\b")
_IN_TRANSACTION = re.compile(r"transaction:\s*on\b")


@dataclass(frozen=True)
class Rule:
    """What is looked for, and what is said where it is found."""

    name: str
    severity: str
    wrong: str
    do: str
    scope: str = "statement"
    match: re.Pattern[str] = re.compile(r"(?!)")
    unless: re.Pattern[str] = re.compile(r"(?!)")
    existing: bool = False
    transaction: bool = False
    outline: bool = False

    def fits(self, part: SqlStatement) -> bool:
        """Whether a statement, clause or element is what is looked for."""
        text = part.outline if self.outline else part.text
        return self.match.match(text) is not None and self.unless.search(text) is None


@dataclass(frozen=True)
class LintFinding:
    """What is wrong in a file, and where."""

    rule: Rule
    file: str
    line: int
    statement: str
    accepted: str = ""
    """The reason for which the file accepts it."""


_OWN = (
    Rule(UNREADABLE, "error", "Nothing closes what is opened here, so the rest was not read.", "Close it."),
    Rule(UNKNOWN, "error", "An accepted rule that does not exist accepts nothing.", "Name a rule of 'lint --rules'."),
    Rule(UNREASONED, "error", "A finding is accepted without a reason.", "Write -- accept: RULE reason."),
    Rule(UNUSED, "warning", "Nothing here is what the accepted rule looks for.", "Remove the comment."),
)


@dataclass(frozen=True)
class RuleBook:
    """The rules of an engine by name, and how its files are read."""

    rules: Mapping[str, Rule]
    syntax: Syntax


@lru_cache(maxsize=32)
def load_rules(engine_folder: str | Path) -> RuleBook:
    """The rules for an engine with that folder (relative ones are below this package): the shared ones and its own.

    Raises CatalogueError where a file of rules is not as it should be.
    """
    parser = read_rules("", engine_folder)
    rules = {rule.name: rule for rule in _OWN}
    rules |= {name: _rule(parser[name]) for name in parser.sections() if name != "syntax"}
    return RuleBook(rules, load_syntax(engine_folder))


def _rule(section: configparser.SectionProxy) -> Rule:
    name, scope, severity = section.name, section.get("scope", "statement"), section.get("severity")
    texts = {key: " ".join(section.get(key, "").split()) for key in ("wrong", "do")}
    unknown = set(section) - _KEYS
    if unknown or scope not in _SCOPES or severity not in SEVERITIES or not all(texts.values()):
        raise CatalogueError(f"The rule {name!r} of {FILE} lacks a key, or has one that is not known.")
    try:
        match, unless = (
            # Long patterns stand on several lines.
            re.compile("".join(section.get(key, "(?!)").splitlines()), re.MULTILINE)
            for key in ("match", "unless")
        )
    except re.error as exc:
        raise CatalogueError(f"The rule {name!r} of {FILE} has a pattern that cannot be read: {exc}.") from None
    flags = {key: section.getboolean(key, fallback=False) for key in _FLAGS}
    return Rule(name, str(severity), texts["wrong"], texts["do"], scope, match, unless, **flags)


def lint(text: str, name: str, book: RuleBook) -> list[LintFinding]:
    """What is dangerous in a file of that name, accepted or not, in the order of its lines."""
    file = read_sql(text, book.syntax)
    raw = [LintFinding(rule, name, line, statement.text) for rule, line, statement in _found(file, book)]
    findings = [*_accepted(file, raw, book, name)]
    if file.unclosed:
        findings.append(LintFinding(book.rules[UNREADABLE], name, file.unclosed.line, file.unclosed.text))
    return sorted(findings, key=lambda finding: finding.line)


def _found(file: SqlFile, book: RuleBook) -> Iterator[tuple[Rule, int, SqlStatement]]:
    created: set[str] = set()
    migrated = any(_IN_TRANSACTION.match(comment.text) for comment in file.head)
    begun = False
    for statement in file.statements:
        text = statement.text
        begun = bool(_BEGIN.match(text)) or (begun and not _END.match(text))
        named = _NAMED.match(text)
        existing = named is None or named["table"] not in created
        for rule in book.rules.values():
            if (rule.existing and not existing) or (rule.transaction and not (begun or migrated)):
                continue
            yield from ((rule, part.line, statement) for part in _parts(rule, statement) if rule.fits(part))
        if match := _CREATED.match(text):
            created.add(match["table"])
    lines = "\n".join(statement.text for statement in file.statements)
    for rule in book.rules.values():
        if rule.scope == "file" and (match := rule.match.search(lines)) and not rule.unless.search(lines):
            statement = file.statements[lines.count("\n", 0, match.start())]
            yield rule, statement.line, statement


def _parts(rule: Rule, statement: SqlStatement) -> Iterable[SqlStatement]:
    """What a rule looks at."""
    if rule.scope == "statement":
        return [statement]
    pattern = {"clause": _ALTER, "element": _CREATE}.get(rule.scope)
    match = pattern.match(statement.text) if pattern else None
    if match is None:
        return []
    start = match[0].count(" ") + (rule.scope == "element")  # past the bracket
    return statement.parts(start)


def _accepted(file: SqlFile, found: Iterable[LintFinding], book: RuleBook, name: str) -> Iterator[LintFinding]:
    """The findings, each with the reason for which it is accepted, and what is wrong with the accepting comments."""
    findings = list(found)
    places = [(statement.comments, statement.lines) for statement in file.statements] or [
        (tuple(file.comments), frozenset())
    ]
    for number, (comments, lines) in enumerate(places):
        for accepted, reason, line in _accepting(comments):
            covered = [
                place
                for place, finding in enumerate(findings)
                if finding.rule.name == accepted and (number == 0 or finding.line in lines)
            ]
            wrong = None if covered else UNUSED
            if accepted not in book.rules:
                wrong = UNKNOWN
            elif not reason:
                wrong = UNREASONED
            if wrong is not None:
                yield LintFinding(book.rules[wrong], name, line, f"accept: {accepted} {reason}".strip())
                continue
            for place in covered:
                findings[place] = replace(findings[place], accepted=reason)
    yield from findings


def _accepting(comments: Iterable[Comment]) -> Iterator[tuple[str, str, int]]:
    """Each rule that comments accept, the reason, which may go on in the next comment of the rule, and the line."""
    found: dict[str, tuple[str, int]] = {}
    for comment in comments:
        if match := _ACCEPT.match(comment.text):
            reason, line = found.get(match[1], ("", comment.line))
            found[match[1]] = f"{reason} {match[2]}".strip(), line
    yield from ((rule, reason, line) for rule, (reason, line) in found.items())
