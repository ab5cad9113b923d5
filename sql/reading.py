"""Files of SQL, read as the engine's client reads them: into statements and words, each with its line.

A statement ends with a semicolon outside of strings, quoted names, comments, `$$` bodies, and bodies of triggers and
routines. What an engine has of its own (backslashes in strings, `#` comments, `$$`) is said by `Syntax`. Words are kept
in one spelling (capitals, one blank between them, strings emptied), so that a pattern need not know how a file was
written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

STRING = "''"
"""What stands for any string in the text of a statement."""

_PARTS = (
    r"(?P<space>\s+)",
    r"(?P<line>--[^\n]*{hash})",
    r"(?P<code>{code})",
    r"(?P<block>/\*)",
    r"(?P<name>\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`)",
    r"(?P<string>[EeNnXxBb]?'(?:{escape}[^']|'')*')",
    r"(?P<dollar>{dollar})",
    r"(?P<word>::|:=|[\w@:$][\w$]*)",
    r"(?P<other>\S)",
)
_ROUTINE = re.compile(
    r"\bCREATE (?:OR \S+ )?(?:\S+ = \S+ (?:@ \S+ )?)?(?:TEMP\w* )?(?:TRIGGER|PROCEDURE|FUNCTION|EVENT)\b"
)
_BLOCK = re.compile(r"(?:BEGIN|CASE)")
_CLIENT = re.compile(r"[ \t]*(?:\\|\.(?=[a-z]))[^\n]*")
_DELIMITER = re.compile(r"[ \t]*delimiter[ \t]+(\S+)[^\n]*", re.IGNORECASE)
_COPY = re.compile(r"\bCOPY .* FROM STDIN")
_OPENS, _CLOSES = "([", ")]"
_ENDS_NAME = re.compile(r"[\s().,]")


@dataclass(frozen=True)
class Syntax:
    """What differs between engines in how text is read."""

    backslashes: bool = False
    """A backslash in a string takes its meaning from the next character."""
    hashes: bool = False
    """`#` begins a comment."""
    dollars: bool = False
    """`$tag$ … $tag$` is a string."""
    nested: bool = False
    """A comment `/* … */` may hold others; elsewhere the first `*/` ends it."""
    conditions: bool = False
    """What stands in `/*! … */` is no comment."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Of the next part of a text."""
        parts = "|".join(_PARTS).replace("{code}", r"/\*M?!\d*|\*/" if self.conditions else "(?!)")
        # Nothing is a dollar quote where the engine has none.
        dollar = r"(?P<tag>\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?(?P=tag)" if self.dollars else r"(?!)"
        parts = parts.replace("{hash}", r"|\#[^\n]*" if self.hashes else "").replace("{dollar}", dollar)
        return re.compile(parts.replace("{escape}", r"\\[\s\S]|" if self.backslashes else ""))


@dataclass(frozen=True)
class Word:
    """A word or a sign of a statement in its one spelling, and where it stands."""

    text: str
    line: int


@dataclass(frozen=True)
class Comment:
    """A comment of one line, without its dashes."""

    text: str
    line: int


@dataclass(frozen=True)
class SqlStatement:
    """A statement of a file."""

    words: tuple[Word, ...]
    comments: tuple[Comment, ...] = ()
    """Those between the statement before it and its end."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.words[0].line

    @cached_property
    def text(self) -> str:
        """Its words, with one blank between them."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def outline(self) -> str:
        """Its words without those in brackets."""
        depth, words = 0, []
        for word in self.words:
            depth -= word.text == ")"
            if not depth:
                words.append(word.text)
            depth += word.text == "("
        return " ".join(words)

    @property
    def lines(self) -> frozenset[int]:
        """The lines on which its words stand."""
        return frozenset(word.line for word in self.words)

    def parts(self, start: int) -> Iterator[SqlStatement]:
        """What stands between commas from the word of that number on, those in brackets left alone."""
        depth = 0
        part: list[Word] = []
        for word in self.words[start:]:
            depth += (word.text in _OPENS) - (word.text in _CLOSES)
            if depth < 0:
                break
            if word.text == "," and not depth:
                if part:
                    yield SqlStatement(tuple(part))
                part = []
            else:
                part.append(word)
        if part:
            yield SqlStatement(tuple(part))


@dataclass
class SqlFile:
    """What a file holds."""

    statements: list[SqlStatement] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    """All of them, in order."""
    unclosed: Word | None = None
    """A string, name, comment or bracket that nothing closes: what follows it was not read."""

    @property
    def head(self) -> Sequence[Comment]:
        """The comments before the first statement."""
        return self.statements[0].comments if self.statements else self.comments


def read_sql(text: str, syntax: Syntax) -> SqlFile:
    """The statements and comments of a text, also of one whose end is missing."""
    return _Reader(text, syntax).read()


class _Reader:
    def __init__(self, text: str, syntax: Syntax) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        self.syntax = syntax
        self.found = SqlFile()
        self.words: list[Word] = []
        self.comments: list[Comment] = []
        self.delimiter = ";"
        self.position, self.line = 0, 1

    def read(self) -> SqlFile:
        while self.position < len(self.text) and self.found.unclosed is None:
            if self.words or not self._client_line():
                self._next()
        if self.words:
            self._finish()
        return self.found

    def _client_line(self) -> bool:
        """Pass over a line that is for the client, such as `\\set` or `DELIMITER`."""
        if self.position and self.text[self.position - 1] != "\n":
            return False
        if match := _DELIMITER.match(self.text, self.position):
            self.delimiter = match[1]
        else:
            match = _CLIENT.match(self.text, self.position)
        if match:
            self._pass(match[0])
        return match is not None

    def _pass(self, text: str) -> None:
        self.position += len(text)
        self.line += text.count("\n")

    def _next(self) -> None:
        if self.text.startswith(self.delimiter, self.position) and not self._in_routine():
            self._pass(self.delimiter)
            if self.words:
                self._finish()
            return
        match = self.syntax.pattern.match(self.text, self.position)
        if match is None:  # cannot be: each character is a part by itself
            raise AssertionError(self.line)
        if match["block"]:
            self._pass_block()
            return
        line, part = self.line, match[0]
        self._pass(part)
        if match["line"]:
            comment = Comment(part.lstrip("-#").strip(), line)
            self.comments.append(comment)
            self.found.comments.append(comment)
        elif match["other"] and part in "'\"`":
            self.found.unclosed = Word(part, line)
        elif not match["space"] and not match["code"]:
            self.words.append(Word(_spelled(match), line))

    def _pass_block(self) -> None:
        """A comment, in which others may stand on some engines."""
        start, depth = self.line, 0
        for match in re.compile(r"/\*|\*/").finditer(self.text, self.position):
            depth = depth - 1 if match[0] == "*/" else depth + 1 if self.syntax.nested else 1
            if not depth:
                self._pass(self.text[self.position : match.end()])
                return
        self.found.unclosed = Word("/*", start)

    def _in_routine(self) -> bool:
        """Whether the statement is a trigger or routine whose body is not ended yet."""
        words = [word.text for word in self.words]
        if self.delimiter != ";" or not _ROUTINE.match(" ".join(words[:12])):
            return False
        depth = 0
        for number, word in enumerate(words):
            if _BLOCK.fullmatch(word) and words[number - 1] != "END":
                depth += 1
            elif word == "END" and words[number + 1 : number + 2] not in (["IF"], ["LOOP"], ["WHILE"], ["REPEAT"]):
                depth -= 1
        return depth > 0

    def _finish(self) -> None:
        statement = SqlStatement(tuple(self.words), tuple(self.comments))
        self.found.statements.append(statement)
        self.words, self.comments = [], []
        if _COPY.match(statement.text):  # its rows follow
            rows, end, _ = self.text[self.position :].partition("\n\\.")
            self._pass(rows + end)


def _spelled(match: re.Match[str]) -> str:
    """A word in its one spelling; a quoted name as other files would write it, if it needs no quotes, else without what
    patterns take for the end of a name."""
    if match["string"] or match["dollar"]:
        return STRING
    if not match["name"]:
        return match[0].upper()
    inner = match[0][1:-1]
    return inner.upper() if re.fullmatch(r"[A-Za-z_]\w*", inner) else f'"{_ENDS_NAME.sub("_", inner)}"'
