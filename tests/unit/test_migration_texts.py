"""Texts of migrations are split as the engine splits them, or refused with a line and a reason: never in the middle of
a string, a name, a comment or a body."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from matrix import ENGINES
from trialstore.dialects.errors import MigrationFileInvalid
from trialstore.sql.migrations import parse_migration
from trialstore.sql.reading import load_syntax, read_sql

DOLLARS = ("postgresql", "duckdb")
HEAD = (
    "-- migration: 0001 x\n-- purpose: x\n-- serves_from: 0001\n-- transaction: on\n"
    "-- locks: Nothing to do here.\n-- destructive: no\n"
)
HEAD_LINES = HEAD.count("\n")


def parse(engine: str, text: str) -> tuple[str, ...]:
    return parse_migration(HEAD + text, "0001_x.sql", load_syntax(engine)).statements


TRIGGER = """CREATE TRIGGER t AFTER INSERT ON a BEGIN
UPDATE a SET end = 1, "end" = CASE 1 WHEN 1 THEN 2 END; SELECT 1; END"""
# Texts, the engines that take them, and the statements in them.
READ: list[tuple[str, Sequence[str], list[str]]] = [
    ("SELECT 1; -- why\nSELECT 2;", ENGINES, ["SELECT 1", "SELECT 2"]),
    ("SELECT 1; SELECT 2; /* bye; */", ENGINES, ["SELECT 1", "SELECT 2"]),
    ("SELECT 1 -- one; two\n, 2;", ENGINES, ["SELECT 1 -- one; two\n, 2"]),
    ("SELECT 1 -- one\n;", ENGINES, ["SELECT 1"]),
    ("SELECT '\n-- a line;\n';", ENGINES, ["SELECT '\n-- a line;\n'"]),
    ("SELECT 'it''s; '';' ;", ENGINES, ["SELECT 'it''s; '';'"]),
    ("SELECT '/*', ';*/';", ENGINES, ["SELECT '/*', ';*/'"]),
    ('SELECT 1 AS "a;""--b";', ENGINES, ['SELECT 1 AS "a;""--b"']),
    ("SELECT 1 AS `a;--b`;", ("sqlite", "mysql"), ["SELECT 1 AS `a;--b`"]),
    ("SELECT 1 AS [a;'b];", ("sqlite",), ["SELECT 1 AS [a;'b]"]),
    ("SELECT a[1], '];';", ("postgresql", "duckdb"), ["SELECT a[1], '];'"]),
    ("SELECT '\u2028;\x0b;\x85;';", ENGINES, ["SELECT '\u2028;\x0b;\x85;'"]),
    (";;SELECT 1;;", ENGINES, ["SELECT 1"]),
    ("SELECT '\\';SELECT 2;", ("sqlite", *DOLLARS), ["SELECT '\\'", "SELECT 2"]),
    ("SELECT '\\';', \"\\\";\";", ("mysql",), ["SELECT '\\';', \"\\\";\""]),
    ("SELECT E'\\';--';", DOLLARS, ["SELECT E'\\';--'"]),
    ("SELECT e'a'\n  '\\';';", DOLLARS, ["SELECT e'a'\n  '\\';'"]),
    ("SELECT type'\\';SELECT 2;", ("postgresql",), ["SELECT type'\\'", "SELECT 2"]),
    ("SELECT $$;'--/*$$;", DOLLARS, ["SELECT $$;'--/*$$"]),
    ("SELECT $a$ $b$;$$ $a$;", DOLLARS, ["SELECT $a$ $b$;$$ $a$"]),
    ("SELECT $é_1$;$é$;$é_1$;", DOLLARS, ["SELECT $é_1$;$é$;$é_1$"]),
    ("SELECT a$$;SELECT b$$;", ("postgresql",), ["SELECT a$$", "SELECT b$$"]),
    ("SELECT 1 /* a /* ; */ ; */;", DOLLARS, ["SELECT 1"]),
    ("SELECT 1 /* a /* ; */;SELECT 2;", ("sqlite", "mysql"), ["SELECT 1", "SELECT 2"]),
    ("SELECT 1 /* /*/;SELECT 2;", ("sqlite", "mysql"), ["SELECT 1", "SELECT 2"]),
    ("SELECT 1 # one; 'two\n;", ("mysql",), ["SELECT 1"]),
    ("SELECT 5--1;SELECT 2;", ("mysql",), ["SELECT 5--1", "SELECT 2"]),
    ("SELECT 2*/* c; */3;", ENGINES, ["SELECT 2*/* c; */3"]),
    ("SELECT 1 /*!80000 + 1 */ /*M!100600 + 2 */ -- x\n;", ("mysql",), ["SELECT 1 /*!80000 + 1 */ /*M!100600 + 2 */"]),
    (
        TRIGGER + ";SELECT 2;",
        ("sqlite",),
        [TRIGGER, "SELECT 2"],
    ),
    (
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;SELECT 3;",
        ("postgresql",),
        ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
    ),
]


@pytest.mark.parametrize(
    ("engine", "text", "statements"), [(engine, text, found) for text, engines, found in READ for engine in engines]
)
def test_a_text_is_split_as_the_engine_splits_it(engine: str, text: str, statements: list[str]) -> None:
    assert list(parse(engine, text)) == statements
    assert list(parse(engine, text.replace("\n", "\r\n"))) == statements


# Texts, the engines that refuse them, the line that is named, and words of the reason.
REFUSED: list[tuple[str, Sequence[str], int, str]] = [
    ("SELECT 1;\nSELECT 2", ENGINES, 2, "does not end with ';'"),
    ("SELECT 1;\nSELECT 'a;\n", ENGINES, 2, "nothing closes '"),
    ('SELECT "a;\n', ENGINES, 1, 'nothing closes "'),
    ("SELECT 1 /* a;\n", ENGINES, 1, "nothing closes /*"),
    ("SELECT 1 /* a /* b */;\n", DOLLARS, 1, "nothing closes /*"),
    ("SELECT 1 AS `a;b`;\n", DOLLARS, 1, "nothing closes `"),
    ("SELECT `a;\n", ("sqlite", "mysql"), 1, "nothing closes `"),
    ("SELECT [a;\n", ("sqlite",), 1, "nothing closes ["),
    ("SELECT '\\';\n", ("mysql",), 1, "nothing closes '"),
    ("SELECT '''a''\\';\n", ("mysql",), 1, "nothing closes '"),
    ("SELECT E'\\';\n", DOLLARS, 1, "nothing closes E"),
    ("SELECT E'a''b\\';\n", DOLLARS, 1, "nothing closes E"),
    ("\nSELECT $x$; $y$;\n", DOLLARS, 2, "nothing closes $x$"),
    ("SELECT 1 /*!80000 + 1;\nSELECT 2 */;", ("mysql",), 1, "nothing closes /*!80000"),
    ("SELECT 1;\n\\set x 1\n", ENGINES, 2, "\\set is for a client"),
    ("SELECT 1; \\g\n", ENGINES, 1, "a backslash"),
    ("SELECT 1;\n.read x.sql\n", ENGINES, 2, ".read is for a client"),
    ("DELIMITER //\nSELECT 1//\n", ENGINES, 1, "DELIMITER is for a client"),
    ("COPY t FROM STDIN;\n1\n\\.\n", ENGINES, 1, "COPY is for a client"),
    ("SELECT :x;\n", ENGINES, 1, "variable"),
    ("SELECT 1;\nCOMMIT;\n", ENGINES, 2, "COMMIT is left to the migrator"),
    ("BEGIN;\nSELECT 1;\nEND;\n", ENGINES, 1, "BEGIN is left to the migrator"),
    ("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN\nSET @a = 1; SET @b = 2; END;", ("mysql",), 2, "body"),
    (
        "CREATE DEFINER = `a b`@localhost PROCEDURE p()\nBEGIN SET @a = 1;\nSET @b = 2; END;",
        ("mysql",),
        2,
        "body",
    ),
    ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;\n", ("sqlite",), 1, "does not end"),
]


@pytest.mark.parametrize(
    ("engine", "text", "line", "words"),
    [(engine, text, line, words) for text, engines, line, words in REFUSED for engine in engines],
)
def test_what_a_client_may_read_otherwise_is_refused(engine: str, text: str, line: int, words: str) -> None:
    with pytest.raises(MigrationFileInvalid) as caught:
        parse(engine, text)
    assert caught.value.message.startswith(f"0001_x.sql, line {HEAD_LINES + line}: ")
    assert words in caught.value.message
    assert caught.value.hint


# --- any text that can be made of parts -------------------------------------------------------------------------------

NASTY = st.text(st.sampled_from("a;'\"-/*$`#[]\\\n \u2028é"), max_size=8)
CODE = st.sampled_from(["SELECT", "a", "1", "(", ")", ",", "+", "END", "CASE", "x_1", "é"])


def parts(engine: str) -> st.SearchStrategy[tuple[str, str]]:
    """A part of a text, by its kind: code, a gap (blanks and comments), or an end."""

    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\") if engine == "mysql" else text

    code = [
        CODE,
        NASTY.map(lambda text: "'" + escaped(text).replace("'", "''") + "'"),
        NASTY.map(lambda text: '"' + escaped(text).replace('"', '""') + 'x"'),
    ]
    if engine in ("sqlite", "mysql"):
        code.append(NASTY.map(lambda text: "`" + text.replace("`", "``") + "x`"))
    if engine == "sqlite":
        code.append(NASTY.map(lambda text: "[" + text.replace("]", "") + "x]"))
    if engine in DOLLARS:
        code.append(NASTY.map(lambda text: "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"))
        code.append(NASTY.map(lambda text: "$q$" + text + "$q$"))
        code.append(NASTY.map(lambda text: "$$" + text.replace("$", "") + "$$"))
    gap = [
        st.just("\n"),
        NASTY.map(lambda text: "-- " + text.replace("\n", "").replace("\\", "") + "\n"),
        NASTY.map(lambda text: "/* " + text.replace("*", "").replace("/", "") + " */"),
    ]
    if engine in DOLLARS:
        gap.append(NASTY.map(lambda text: f"/* /* {text.replace('*', '').replace('/', '')} */ ; */"))
    if engine == "mysql":
        gap.append(NASTY.map(lambda text: "#" + text.replace("\n", "") + "\n"))
    kinds = (("code", code), ("gap", gap), ("end", [st.just(";")]))
    return st.one_of([st.tuples(st.just(kind), st.one_of(texts)) for kind, texts in kinds])


def joined(found: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    """The text that the parts make, and the statements in it."""
    statements: list[str] = []
    current, waiting = "", ""
    for kind, part in [*found, ("end", ";")]:
        if kind == "code":
            current, waiting = (current + waiting if current else "") + part, " "
        elif kind == "gap":
            waiting += part + " "
        else:
            statements += [current] * bool(current)
            current = waiting = ""
    return " ".join(part for _, part in [*found, ("end", ";")]), statements


def made(engine: str) -> st.SearchStrategy[tuple[str, list[str]]]:
    return st.lists(parts(engine), max_size=25).map(joined)


def split(engine: str, text: str) -> list[str]:
    file = read_sql(text, load_syntax(engine))
    assert (file.unclosed, file.commands) == (None, [])
    return [statement.source for statement in file.statements]


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data())
def test_what_parts_make_is_split_at_their_ends(engine: str, data: st.DataObject) -> None:
    text, statements = data.draw(made(engine))
    assert split(engine, text) == statements


@given(made("duckdb"))
def test_duckdb_splits_as_we_do(drawn: tuple[str, list[str]]) -> None:
    """Its tokens, since a text of parts is no valid SQL: where one begins that is no string, comment or name."""
    text, _ = drawn
    ours = len(split("duckdb", text))
    begins = [offset for offset, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    data = text.encode()
    theirs, empty = 0, True
    for offset in begins:
        end = data[offset : offset + 1] == b";"
        theirs += end and not empty
        empty = end
    assert ours == theirs


@given(made("sqlite"))
def test_sqlite_splits_as_we_do(drawn: tuple[str, list[str]]) -> None:
    """Its shell takes a text for whole where this function says so."""
    text, _ = drawn
    theirs, begun = [], ""
    for character in text:
        begun += character
        if character == ";" and sqlite3.complete_statement(begun):
            theirs, begun = [*theirs, *split("sqlite", begun)], ""
    assert theirs == split("sqlite", text)


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
@given(data=st.data())
def test_another_reader_splits_as_we_do(engine: str, data: st.DataObject) -> None:
    text, _ = data.draw(made(engine))
    tokens = sqlglot.tokenize(text, read={"postgresql": "postgres"}.get(engine, engine))
    theirs, empty = 0, True
    for token in tokens:
        end = token.token_type is sqlglot.tokens.TokenType.SEMICOLON
        theirs += end and not empty
        empty = end
    assert len(split(engine, text)) == theirs
