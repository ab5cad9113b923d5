"""Files of SQL, read as the engine's client reads them: into statements and words, each with its line.

A statement ends with a semicolon outside of strings, quoted names, comments, `$$` bodies, and bodies of triggers and
routines. `Syntax` says how engines differ (backslashes in strings, `#` comments, `$$`). Words are kept in one spelling
(capitals, one blank between them, strings emptied), so that a pattern need not know how a file was written.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from trialstore.dialects.errors import CatalogueError

from .catalogue import ROOT

STRING = "''"
"""What stands for any string in the text of a statement."""

FILE = "lint.ini"
"""The file beside an engine's migrations; its section `syntax` names the fields of `Syntax` that are set."""

_LETTER = r"[A-Za-z_\x80-\U0010ffff]"
_QUOTED = r"{0}(?:[^{0}]|{0}{0})*{0}(?!{0})"
_ESCAPED = r"{0}(?:\\[\s\S]|[^{0}\\]|{0}{0})*{0}(?!{0})"
# A string goes on where another one follows on a later line.
_GOES_ON = r"[ \t\f\v]*\n(?:\s|--[^\n]*\n)*(?=')"
_ESCAPED_STRING, _STRING = _ESCAPED.format("'"), _QUOTED.format("'")
_E_STRING = rf"[Ee]{_ESCAPED_STRING}(?:{_GOES_ON}{_ESCAPED_STRING})*(?!{_GOES_ON})"
_TAG = rf"\$(?:{_LETTER}(?:\w|{_LETTER})*)?\$"
_PARTS = (
    r"(?P<space>\s+)",
    r"(?P<line>{line})",
    r"(?P<code>{code})",
    r"(?P<name>{name})",
    r"(?P<string>{string})",
    r"(?P<dollar>{dollar})",
    # What would open one of those, but is never closed.
    r"(?P<open>['\"`]|{open})",
    rf"(?P<word>::|:=|\d\w*|\$\d+|(?:[@:$\w]|{_LETTER})(?:[\w$]|{_LETTER})*)",
    r"(?P<other>\S)",
)
_ROUTINE = re.compile(
    r"\bCREATE (?:OR \S+ )?(?:DEFINER = .{1,200}? )?(?:AGGREGATE |TEMP\w* )?"
    r"(?:TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b"
)
_CLIENT = re.compile(r"[ \t]*(?:\\|\.(?=[a-z]))[^\n]*")
_DELIMITER = re.compile(r"[ \t]*delimiter[ \t]+(\S+)[^\n]*", re.IGNORECASE)
_COPY = re.compile(r"\bCOPY .* FROM STDIN")
_BLOCK, _BEFORE_END = re.compile(r"(?:BEGIN)"), re.compile(r";|(?:BEGIN|ATOMIC)")
_NO_BLOCK = (["IF"], ["LOOP"], ["WHILE"], ["REPEAT"], ["FOR"], ["CASE"])
_CODE = re.compile(r"/\*M?!\d*")
_BLOCK_END, _NESTED = re.compile(r"\*/"), re.compile(r"/\*|\*/")
_OPENS, _CLOSES = "([", ")]"
_ENDS_NAME = re.compile(r"[\s().,]")


@dataclass(frozen=True)
class Syntax:
    """What differs between engines in how text is read."""

    backslashes: bool = False
    """A backslash in a string escapes the next character, and text in double quotes is a string."""
    hashes: bool = False
    """`#` begins a comment, and `--` only before a blank."""
    dollars: bool = False
    """`$tag$ … $tag$` is a string, and in `E'…'` a backslash escapes the next character."""
    nested: bool = False
    """A comment `/* … */` may hold others; elsewhere the first `*/` ends it."""
    conditions: bool = False
    """What stands in `/*! … */` is no comment."""
    backticks: bool = False
    """A name may stand in backticks."""
    brackets: bool = False
    """A name may stand in square brackets."""
    bodies: bool = False
    """The engine's client knows where the body of a trigger or routine ends, without a DELIMITER."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the next part of a text."""
        names = [(_ESCAPED if self.backslashes else _QUOTED).format('"')]
        names += [_QUOTED.format("`")] if self.backticks else []
        names += [r"\[[^\]]*\]"] if self.brackets else []
        strings = [rf"[NnXxBb]?{_ESCAPED_STRING if self.backslashes else _STRING}"]
        opened = r"\[" if self.brackets else "(?!)"
        if self.dollars:
            strings, opened = [_E_STRING, *strings], rf"{_TAG}|[Ee](?=')"
        dollar = rf"(?P<tag>{_TAG})[\s\S]*?(?P=tag)" if self.dollars else "(?!)"
        line = r"--(?=\s|\Z)[^\n]*|\#[^\n]*" if self.hashes else r"--[^\n]*"
        code = _CODE.pattern if self.conditions else "(?!)"
        filled = {
            "line": line,
            "code": code,
            "name": "|".join(names),
            "string": "|".join(strings),
            "dollar": dollar,
            "open": opened,
        }
        # ASCII: to the engines other blanks are letters.
        return re.compile("|".join(part.format(**filled) if "{" in part else part for part in _PARTS), re.ASCII)


@lru_cache(maxsize=32)
def load_syntax(engine_folder: str | Path) -> Syntax:
    """How an engine with that folder (relative ones are below this package) reads text.

    Raises CatalogueError where its file cannot be read.
    """
    parser = read_rules(engine_folder)
    section = parser["syntax"] if parser.has_section("syntax") else {}
    return Syntax(**{key: parser.getboolean("syntax", key) for key in section})


def read_rules(*folders: str | Path) -> configparser.ConfigParser:
    """The sections of the rules in those folders together. Raises CatalogueError where a file cannot be read."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    for folder in folders:
        file = ROOT / folder / FILE
        if file.is_file():
            try:
                parser.read_string(file.read_text(encoding="utf-8"), str(file))
            except configparser.Error as exc:
                raise CatalogueError(f"{FILE} of {folder} cannot be read: {exc.message}") from None
    return parser


@dataclass(frozen=True)
class Word:
    """A word or a sign of a statement in its one spelling, and where it stands."""

    text: str
    line: int
    quoted: bool = False
    """It is a string, or a name in quotes."""


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
    source: str = ""
    """As it stands in the file, from its first word to its last."""
    ended: bool = True
    """It ends with a delimiter."""

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
        """Its words without those in parentheses."""
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
    commands: list[Word] = field(default_factory=list)
    """What is for the client alone: lines such as `\\set` or `DELIMITER`, and the rows of a COPY."""
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
        self.start, self.end = 0, 0  # of the statement
        self.code: list[Word] = []  # comments that are read as code, and not closed yet

    def read(self) -> SqlFile:
        while self.position < len(self.text) and self.found.unclosed is None:
            if self.words or not self._client_line():
                self._next()
        if self.code and self.found.unclosed is None:
            self.found.unclosed = self.code[0]
        if self.words:
            self._finish(ended=False)
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
            self.found.commands.append(Word(match[0].split()[0], self.line))
            self._pass(match[0])
        return match is not None

    def _pass(self, text: str) -> None:
        self.position += len(text)
        self.line += text.count("\n")

    def _next(self) -> None:
        if self.text.startswith(self.delimiter, self.position) and not self._in_routine():
            self._end()
        elif self.code and self.text.startswith("*/", self.position):
            self.code.pop()
            self._pass("*/")
            self.end = self.position
        elif self.text.startswith("/*", self.position) and not self._is_code():
            self._pass_block()
        else:
            match = self.syntax.pattern.match(self.text, self.position)
            if match is None:  # cannot be: each character is a part by itself
                raise AssertionError(self.line)
            self._take(match)

    def _is_code(self) -> bool:
        return self.syntax.conditions and _CODE.match(self.text, self.position) is not None

    def _end(self) -> None:
        if self.code:
            self.found.unclosed = self.code[0]
            return
        self._pass(self.delimiter)
        if self.words:
            self._finish()

    def _take(self, match: re.Match[str]) -> None:
        line, part = self.line, match[0]
        if match["open"]:
            self.found.unclosed = Word(part, line)
        elif match["line"]:
            comment = Comment(part.lstrip("-#").strip(), line)
            self.comments.append(comment)
            self.found.comments.append(comment)
        elif not match["space"]:
            if not self.words and not self.code:
                self.start = self.position
            self.end = self.position + len(part)
            if match["code"]:
                self.code.append(Word(part, line))
            else:
                quoted = match["name"] or match["string"] or match["dollar"]
                self.words.append(Word(_spelled(match), line, quoted is not None))
        self._pass(part)

    def _pass_block(self) -> None:
        """A comment, in which others may stand on some engines."""
        depth = 1
        for match in (_NESTED if self.syntax.nested else _BLOCK_END).finditer(self.text, self.position + 2):
            depth += -1 if match[0] == "*/" else 1
            if not depth:
                self._pass(self.text[self.position : match.end()])
                return
        self.found.unclosed = Word("/*", self.line)

    def _in_routine(self) -> bool:
        """Whether the statement is a trigger or routine whose body is not ended yet. The END of a block follows on a
        semicolon, unlike that of a CASE in an expression."""
        words = ["" if word.quoted else word.text for word in self.words]
        if self.delimiter != ";" or not _ROUTINE.match(" ".join(words[:16])):
            return False
        depth = 0
        for number, word in enumerate(words):
            before, after = words[number - 1], words[number + 1 : number + 2]
            if _BLOCK.fullmatch(word):
                depth += 1
            elif word == "END" and _BEFORE_END.fullmatch(before) and after not in _NO_BLOCK:
                depth -= 1
        return depth > 0

    def _finish(self, *, ended: bool = True) -> None:
        source = self.text[self.start : self.end]
        statement = SqlStatement(tuple(self.words), tuple(self.comments), source, ended)
        self.found.statements.append(statement)
        self.words, self.comments = [], []
        if ended and _COPY.match(statement.text):  # its rows follow
            self.found.commands.append(Word("COPY", statement.line))
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
