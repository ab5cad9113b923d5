"""What the login that applies may not do is told before the first statement, by `plan` too, and nothing is changed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.commands import Run, ok, refused, snapshot
from engines.databases import EVERYTHING, READ, Database, engines, on_servers, user_of
from trialstore.contract.helpers import migrate_to
from trialstore.sql.migrations import load_migrations
from trialstore.storage import PermissionDenied, SqlStorage

NEWEST = len(load_migrations("sqlite/migrations"))
WRITE = {
    "postgresql": [*EVERYTHING["postgresql"]],
    "mysql": ["GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON {database}.* TO {user}@'%'"],
}
# Of the rights that `trialstore schema grants` gives an owner, those that a login may lack and still look.
OWNERS = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW")
READ_ONLY = {
    "postgresql": (
        "ALTER DATABASE {name} SET default_transaction_read_only = on",
        "ALTER DATABASE {name} RESET default_transaction_read_only",
    ),
    "mysql": ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
}
CHANGED = {"postgresql": "it must be owner, as ", "mysql": "it lacks the right ALTER"}
# What 0010 and later change of a database at version 9.
TABLES = (
    *("config_param", "experiment", "objectives", "trial", "trial_lineage"),
    *("trial_param", "trial_result", "trial_status", "trial_telemetry"),
)


@on_servers
def test_whoever_may_not_change_the_tables_is_told_all_of_them(server_database: Database, run: Run) -> None:
    engine = server_database.server.engine
    migrate_to(server_database.config(), 9)
    before = snapshot(server_database.config())
    with user_of(server_database, "a passw0rd", WRITE) as login:
        config = server_database.config(**login)
        told = refused(run(config, "apply"), 1, "Nothing was changed: ", "this login may not change ", CHANGED[engine])
        for table in TABLES:
            assert f" {table}" in told
        assert "schema grants' prints" in told
        plan = ok(run(config, "plan"), 3)
        assert "-- As this login 'apply' would be refused: this login may not change " in plan
        found = json.loads(ok(run(config, "plan", "--json"), 3))["refusals"]
        assert all(any(f" {table}" in one for one in found) for table in TABLES)
        assert "apply-refused" in ok(run(config, "plan", "--format", "sarif"), 3)
        with pytest.raises(PermissionDenied, match="this login may not change"):
            SqlStorage({**config, "schema_policy": "update"})
    assert snapshot(server_database.config()) == before
    assert json.loads(ok(run(server_database.config(), "plan", "--json"), 3))["refusals"] == []
    ok(run(server_database.config(), "apply"))


@on_servers
def test_a_reader_may_ask_for_the_plan(server_database: Database, run: Run) -> None:
    migrate_to(server_database.config(), NEWEST - 1)
    with user_of(server_database, "a passw0rd", READ) as login:
        assert json.loads(ok(run(server_database.config(**login), "plan", "--json"), 3))["refusals"] != []
    ok(run(server_database.config(), "apply"))
    with user_of(server_database, "a passw0rd", READ) as login:
        ok(run(server_database.config(**login), "plan"))


@contextmanager
def owned(database: Database) -> Iterator[dict[str, Any]]:
    """The login of a user of PostgreSQL who has made the schema up to version 6."""
    with user_of(database, "a passw0rd", EVERYTHING) as login:
        migrate_to(database.config(**login), 6)
        yield login


@engines("postgresql")
@pytest.mark.parametrize(
    ("does", "says", "undoes"),
    [
        (
            "REVOKE ALL ON SCHEMA public FROM {user}, PUBLIC",
            (
                "may not add keys to trial_status, trial_telemetry (it lacks the right CREATE on the schema public)",
                "may not make trial_lineage, ",
                "may not make the views ",
                "may not make or drop indexes of trial",
            ),
            "GRANT ALL ON SCHEMA public TO {user}",
        ),
        (
            "ALTER TABLE trial OWNER TO CURRENT_USER",
            (
                "may not change trial (it must be owner, as ",
                "may not make foreign keys to trial (it lacks the right REFERENCES)",
            ),
            "ALTER TABLE trial OWNER TO {user}",
        ),
        (
            "ALTER TABLE trialstore_schema OWNER TO CURRENT_USER",
            ("may not write to trialstore_schema (it lacks the right INSERT)",),
            "ALTER TABLE trialstore_schema OWNER TO {user}",
        ),
        (
            "CREATE TABLE part () INHERITS (trial_result)",
            ("may not change trial_result (it must be owner of part, as ",),
            "DROP TABLE part",
        ),
    ],
)
def test_what_an_owner_lacks(
    server_database: Database, run: Run, does: str, says: tuple[str, ...], undoes: str
) -> None:
    with owned(server_database) as login:
        server_database.admin("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC")
        server_database.admin(does.format(user=login["username"]))
        server_database.admin(f"GRANT USAGE ON SCHEMA public TO {login['username']}")
        before = snapshot(server_database.config())
        refused(run(server_database.config(**login), "apply"), 1, *says)
        assert snapshot(server_database.config()) == before
        server_database.admin(undoes.format(user=login["username"]))
        ok(run(server_database.config(**login), "apply"))


@engines("postgresql")
def test_a_member_of_the_owner_may_apply(server_database: Database, run: Run) -> None:
    with owned(server_database) as login, user_of(server_database, "another", EVERYTHING) as member:
        server_database.admin(f"GRANT {login['username']} TO {member['username']}")
        ok(run(server_database.config(**member), "apply"))


@engines("mysql")
@pytest.mark.parametrize("right", OWNERS)
@pytest.mark.parametrize("version", [0, 4])
def test_a_right_that_is_missing_is_told_or_not_needed(
    server_database: Database, run: Run, right: str, version: int
) -> None:
    migrate_to(server_database.config(), version)
    before = snapshot(server_database.config())
    rest = ", ".join(one for one in ("SELECT", *OWNERS) if one != right)
    with user_of(
        server_database, "a passw0rd", {"mysql": [f"GRANT {rest} ON {{database}}.* TO {{user}}@'%'"]}
    ) as login:
        config = server_database.config(**login)
        found = json.loads(ok(run(config, "plan", "--json"), 3))["refusals"]
        done = run(config, "apply")
        if done.exit_code:
            told = refused(done, 1, "othing was changed", right)
            assert found
            assert all(one in told for one in found) or right in ("INSERT", "UPDATE")
            assert snapshot(server_database.config()) == before
        else:
            assert found == []


def of_a_role(database: Database, user: str, role: str) -> None:
    database.admin(f"CREATE ROLE {role}")
    database.admin(f"GRANT ALL ON {database.name}.* TO {role}")
    database.admin(f"GRANT {role} TO {user}@'%'")
    mariadb = database.server.name == "mariadb"
    database.admin(f"SET DEFAULT ROLE {role} {'FOR' if mariadb else 'TO'} {user}@'%'")


def of_everybody(database: Database, _user: str, _role: str) -> None:
    database.admin(f"GRANT ALL ON {database.name}.* TO PUBLIC")


def of_a_pattern(database: Database, user: str, _role: str) -> None:
    database.admin(f"GRANT ALL ON `{database.name[:-3]}%`.* TO {user}@'%'")


def of_tables(database: Database, user: str, _role: str) -> None:
    for table in database.tables():
        database.admin(f"GRANT ALL ON {database.name}.{table} TO {user}@'%'")
    database.admin(f"GRANT CREATE, CREATE VIEW, ALTER, REFERENCES, SELECT, INSERT ON {database.name}.* TO {user}@'%'")


HAS_PUBLIC = pytest.mark.server("mariadb")  # MySQL has no rights of everybody


@engines("mysql")
@pytest.mark.parametrize("give", [of_a_role, pytest.param(of_everybody, marks=HAS_PUBLIC), of_a_pattern, of_tables])
def test_rights_of_every_kind_count(
    server_database: Database, run: Run, give: Callable[[Database, str, str], None]
) -> None:
    migrate_to(server_database.config(), 6)
    role = f"role_{secrets.token_hex(4)}"
    try:
        with user_of(server_database, "a passw0rd", {"mysql": []}) as login:
            give(server_database, login["username"], role)
            assert json.loads(ok(run(server_database.config(**login), "plan", "--json"), 3))["refusals"] == []
            ok(run(server_database.config(**login), "apply"))
    finally:
        server_database.admin(f"DROP ROLE IF EXISTS {role}")
        if give is of_everybody:
            server_database.admin(f"REVOKE ALL ON {server_database.name}.* FROM PUBLIC")


@engines("mysql")
def test_rights_on_some_tables_only_are_told_with_the_others(server_database: Database, run: Run) -> None:
    migrate_to(server_database.config(), 10)
    with user_of(server_database, "a passw0rd", READ) as login:
        user, name = login["username"], server_database.name
        server_database.admin(
            f"GRANT INSERT, UPDATE, DELETE, CREATE, REFERENCES, CREATE VIEW ON {name}.* TO {user}@'%'"
        )
        server_database.admin(f"GRANT ALTER ON {name}.experiment TO {user}@'%'")
        told = refused(
            run(server_database.config(**login), "apply"), 1, "may not change trial (it lacks the right ALTER)"
        )
        assert "experiment (" not in told


# --- servers that take no migrations of this login -----------------------------------------------------------------


@on_servers
def test_a_plan_says_that_nothing_can_be_written_here(server_database: Database, run: Run) -> None:
    engine, config = server_database.server.engine, server_database.config()
    migrate_to(config, NEWEST - 1)
    before = snapshot(config)
    on, off = READ_ONLY[engine]
    server_database.admin(on.format(name=server_database.name))
    try:
        (found,) = json.loads(ok(run(config, "plan", "--json"), 3))["refusals"]
        assert "read-only" in found
        refused(run(config, "apply"), 1, found)
    finally:
        if engine == "postgresql":
            server_database.server.admin(off.format(name=server_database.name))
        else:
            server_database.admin(off)
    assert snapshot(config) == before
    assert json.loads(ok(run(config, "plan", "--json"), 3))["refusals"] == []


@engines("mysql")
@pytest.mark.server("mysql")
def test_a_plan_says_which_right_a_setting_of_the_server_asks_for(server_database: Database, run: Run) -> None:
    rights = {"mysql": ["GRANT ALL ON {database}.* TO {user}@'%'"]}
    server_database.admin("SET GLOBAL sql_require_primary_key = 1")
    try:
        with user_of(server_database, "a passw0rd", rights) as login:
            (found,) = json.loads(ok(run(server_database.config(**login), "plan", "--json"), 3))["refusals"]
            assert "sql_require_primary_key" in found
            assert "SESSION_VARIABLES_ADMIN" in found
            refused(run(server_database.config(**login), "apply"), 1, "sql_require_primary_key")
        assert server_database.tables() == []
        assert json.loads(ok(run(server_database.config(), "plan", "--json"), 3))["refusals"] == []
    finally:
        server_database.admin("SET GLOBAL sql_require_primary_key = 0")
