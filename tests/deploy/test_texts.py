"""The same text, split by the library and by the engine's own client: the database must hold the same afterwards."""

from __future__ import annotations

from deploy.clients import apply_script
from trialstore.contract.helpers import bare, query
from trialstore.contract.modes import Config
from trialstore.sql.migrations import parse_migration
from trialstore.sql.reading import load_syntax

HEAD = (
    "-- migration: 0001 x\n-- purpose: x\n-- serves_from: 0001\n-- transaction: off\n"
    "-- locks: Nothing to do here.\n-- destructive: no\n"
)
TEXT = """
CREATE TABLE {table} (number INTEGER, "a;--b" VARCHAR(200)); -- one; table
INSERT INTO {table} VALUES (1, 'x; y -- z /* '' */'); INSERT INTO {table} VALUES (2, ';
-- not a comment;
');  /* a; comment */
INSERT INTO {table} /* with ' in it; */ VALUES (3, -- and ' here;
'"');
INSERT INTO {table} VALUES (4, 'a\u2028b;\x0bc')
;
"""
MORE = {
    "sqlite": """
INSERT INTO {table} SELECT 5, [a;--b] FROM {table} WHERE number = 1;
INSERT INTO {table} VALUES (6, 'ends in \\');
CREATE TRIGGER t_{table} AFTER INSERT ON {table} BEGIN
UPDATE {table} SET number = CASE WHEN number > 6 THEN 7 END; UPDATE {table} SET number = number + 1;
END;
INSERT INTO {table} VALUES (9, 'the trigger is whole');
""",
    "postgresql": """
INSERT INTO {table} VALUES (5, E'it\\'s; --'), (6, 'ends in \\'), (7, $$a;'--$$), (8, $é$b; $$ ' $é$);
INSERT INTO {table} VALUES (9, E'a'
    '\\';'); /* a /* b; */ c; */
CREATE FUNCTION f_{table}() RETURNS void LANGUAGE sql BEGIN ATOMIC
INSERT INTO {table} VALUES (10, 'in a body'); INSERT INTO {table} VALUES (11, 'too');
END;
SELECT f_{table}();
""",
    "duckdb": """
INSERT INTO {table} VALUES (5, E'it\\'s; --'), (6, 'ends in \\'), (7, $$a;'--$$), (8, $q$b; $$ ' $q$);
INSERT INTO {table} VALUES (9, 'after'); /* a /* b; */ c; */
""",
    "mysql": """
INSERT INTO {table} VALUES (5, 'it\\'s; --'), (6, "so; \\"--"), (7--1, '8'); # a; 'comment
INSERT INTO {table} /*!80000 (number) */ /*M!100600 (number) */ VALUES (9); /* a /* b */
INSERT INTO {table} (`number`, `a;--b`) VALUES (10, '#;');
""",
}


def test_the_library_and_the_client_run_the_same(engine: str, empty: Config) -> None:
    """MySQL takes names in double quotes for strings, so there the name of the column stands in backticks."""
    text = (TEXT.replace('"a;--b"', "`a;--b`") if engine == "mysql" else TEXT) + MORE[engine]
    ours = parse_migration(HEAD + text.replace("{table}", "ours"), "0001_x.sql", load_syntax(engine))
    with bare(empty) as storage, storage.database.session() as session:
        session.begin(write=True)
        for number, statement in enumerate(ours.statements):
            session.run_migration(statement, str(number))
        session.commit()
    done = apply_script(engine, empty, text.replace("{table}", "theirs"))
    assert (done.code, done.errors) == (0, "")
    with bare(empty) as storage:
        rows = [query(storage, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("ours", "theirs")]
    assert rows[0] == rows[1]
    assert len(rows[0]) >= 7
