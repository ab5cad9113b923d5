"""The config dict of a storage, checked without a database."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from trialstore.dialects import registry
from trialstore.dialects.errors import ConfigError
from trialstore.dialects.server import is_this_machine
from trialstore.dialects.sqlite import SQLiteDialect
from trialstore.storage.config.keys import check_config, config_from_url

SECRET = "hunter2-s3cret"


def test_defaults() -> None:
    checked = check_config({"drivername": "sqlite"})
    assert (checked.drivername, checked.database, checked.label) == ("sqlite", "", "sqlite:")
    assert (checked.log_sql, checked.lazy_schema_create, checked.schema_policy) == (False, False, "update")
    assert checked.dialect.option("busy_timeout") == 30.0
    assert checked.dialect.option("journal_mode") == "wal"


def test_every_key_may_be_none_which_means_its_default() -> None:
    keys = ["database", "username", "password", "host", "port", "query", "log_sql", "lazy_schema_create"]
    given = dict.fromkeys([*keys, "schema_policy", "busy_timeout", "journal_mode"])
    checked = check_config({"drivername": "sqlite", **given})
    assert (checked.schema_policy, checked.log_sql, checked.database) == ("update", False, "")
    assert checked.dialect.option("busy_timeout") == 30.0


def test_settings_are_taken_over() -> None:
    given = {
        "drivername": "sqlite+pysqlite",
        "database": "x.sqlite",
        "log_sql": True,
        "lazy_schema_create": True,
        "schema_policy": "verify",
        "busy_timeout": 5,
        "journal_mode": "delete",
    }
    checked = check_config(given)
    assert checked.label == "sqlite:x.sqlite"
    assert (checked.log_sql, checked.lazy_schema_create, checked.schema_policy) == (True, True, "verify")
    assert (checked.dialect.option("busy_timeout"), checked.dialect.option("journal_mode")) == (5, "delete")


def test_a_checked_config_can_be_pickled() -> None:
    checked = check_config({"drivername": "sqlite", "database": "x.sqlite", "busy_timeout": 5})
    twin = pickle.loads(pickle.dumps(checked))
    assert twin.label == checked.label
    assert twin.dialect.url() == checked.dialect.url()


@pytest.mark.parametrize("key", ["host", "port", "username", "password"])
def test_a_key_that_the_engine_has_no_use_for_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"config.{key}") as caught:
        check_config({"drivername": "sqlite", key: 5 if key == "port" else SECRET})
    assert caught.value.hint
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("value", [float("nan"), -0.5, -1, True, "5"])
def test_a_busy_timeout_is_a_number_of_seconds(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"config\.busy_timeout"):
        check_config({"drivername": "sqlite", "busy_timeout": value})


def test_an_unknown_journal_mode_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"config\.journal_mode") as caught:
        check_config({"drivername": "sqlite", "journal_mode": "wall"})
    assert "'wal'" in caught.value.hint


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(SQLiteDialect):
        driver_module = "no_such_module"
        extra = "elsewhere"

    monkeypatch.setattr(registry, "_load", lambda backend: Elsewhere)
    with pytest.raises(ConfigError, match="no_such_module") as caught:
        check_config({"drivername": "sqlite"})
    assert caught.value.hint == "pip install 'trialstore[elsewhere]'"


def test_engines_of_other_packages_are_found_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "elsewhere"
        value = "package:Dialect"

        def __init__(self, found: Any) -> None:
            self.load = lambda: found

    def points(found: Any) -> Any:
        return lambda *, group, name="elsewhere": [Point(found)] * (name == "elsewhere")

    monkeypatch.setattr(registry, "entry_points", points(SQLiteDialect))
    assert "elsewhere" in registry.known_backends()
    assert check_config({"drivername": "elsewhere"}).label == "elsewhere:"
    monkeypatch.setattr(registry, "entry_points", points(dict))
    with pytest.raises(ConfigError, match="no subclass of Dialect"):
        check_config({"drivername": "elsewhere"})


# URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///x.sqlite", {"drivername": "sqlite", "database": "x.sqlite"}),
        ("sqlite:////tmp/x.sqlite", {"drivername": "sqlite", "database": "/tmp/x.sqlite"}),
        ("sqlite://", {"drivername": "sqlite"}),
        (
            "postgresql+psycopg://u:p%40%25%3A@h:5433/db?sslmode=require",
            {
                "drivername": "postgresql+psycopg",
                "username": "u",
                "password": "p@%:",
                "host": "h",
                "port": 5433,
                "database": "db",
                "query": {"sslmode": "require"},
            },
        ),
        ("mysql://u:@h/db", {"drivername": "mysql", "username": "u", "password": "", "host": "h", "database": "db"}),
    ],
)
def test_a_url_becomes_a_config(url: str, expected: dict[str, Any]) -> None:
    assert config_from_url(url) == expected


@pytest.mark.parametrize("url", [f"mysql:/u:{SECRET}@h", SECRET, "", f"mysql://u:{SECRET}@h:port/db"])
def test_a_url_that_cannot_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_url(url)
    assert caught.value.hint
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_config_from_a_url_opens_the_same_file(tmp_path: Path) -> None:
    checked = check_config(config_from_url(f"sqlite:///{tmp_path}/x.sqlite"))
    assert checked.dialect.url().database == str(tmp_path / "x.sqlite")


# What the dialect makes of it


def test_a_relative_path_is_made_absolute_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dialect = check_config({"drivername": "sqlite", "database": "x.sqlite"}).dialect
    monkeypatch.chdir("/")
    assert dialect.url().database == str(tmp_path / "x.sqlite")


def test_a_folder_or_a_file_in_no_folder_is_refused(tmp_path: Path) -> None:
    for database, words in ((tmp_path, "is a folder"), (tmp_path / "missing" / "x.sqlite", "does not exist")):
        with pytest.raises(ConfigError, match=words) as caught:
            check_config({"drivername": "sqlite", "database": str(database)}).dialect.url()
        assert caught.value.hint


@pytest.mark.parametrize(
    ("database", "query", "shared"),
    [
        (None, None, True),
        ("", None, True),
        (":memory:", None, True),
        ("x.sqlite", None, False),
        ("file:x.sqlite", None, False),
        ("file:x?mode=memory&cache=shared", None, True),
        ("file:x", {"mode": "memory"}, True),
        ("file::memory:", None, True),
        ("file:%3Amemory%3A", None, True),
        ("file:x?mode=%6demory", None, True),
        ("x", {"mode": "memory"}, True),
        ("file:x:memory:y", None, False),
        ("x:memory:y", None, False),
        ("file:x?vfs=:memory:", None, False),
    ],
)
def test_a_database_in_memory_is_known_as_such(database: str | None, query: Any, shared: bool) -> None:
    dialect = check_config({"drivername": "sqlite", "database": database, "query": query}).dialect
    assert dialect.in_memory() is shared


@pytest.mark.parametrize(
    ("database", "query", "word"),
    [
        ("x", {"mode": SECRET}, "mode"),
        ("x", {"cache": SECRET}, "cache"),
        ("x", {"immutable": SECRET}, "immutable"),
        ("x", {"nolock": SECRET}, "nolock"),
        ("x", {"psow": ""}, "psow"),
        ("x", {"uri": "false"}, "uri"),
        ("x", {"mode": ["ro", "rw"]}, "mode"),
        ("x", {"timeout": "5"}, "timeout"),
        ("file:x?moed=ro", None, "moed"),
        ("file:x?mode=ro", {"mode": "rw"}, "mode"),
        ("file:x?mode=ro&mode=rw", None, "mode"),
        (":memory:", {"mode": "ro"}, "mode"),
    ],
)
def test_what_sqlite_would_pass_over_is_refused_by_name(database: str, query: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=f"'{word}'") as caught:
        check_config({"drivername": "sqlite", "database": database, "query": query})
    assert caught.value.hint
    assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"ssl_check_hostname": "true"}, "ssl_check_hostname"),
        ({"ssl_check_hostname": "true", "ssl_cert": "x"}, "ssl_check_hostname"),
        ({"ssl_verify_mode": "required"}, "ssl_verify_mode"),
        ({"ssl_verify_mode": "none", "ssl_ca": "x"}, "ssl_ca"),
        ({"ssl_verify_mode": "none", "ssl_check_hostname": "1"}, "ssl_check_hostname"),
        ({"ssl_key": "x"}, "ssl_key"),
        ({"unix_socket": "/x"}, "config.host"),
        ({"charset": "latin1"}, "charset"),
    ],
)
def test_what_the_driver_of_mysql_would_pass_over_is_refused_by_name(query: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        check_config({"drivername": "mysql", "host": "h", "database": "d", "query": query})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("query", "more", "word"),
    [
        ({"password": SECRET}, {}, "password"),
        ({"user": "x"}, {}, "user"),
        ({"dbname": "x"}, {}, "dbname"),
        ({"client_encoding": "latin1"}, {}, "client_encoding"),
        ({"replication": "database"}, {}, "replication"),
        ({"host": "x"}, {"host": "h"}, "config.host"),
        ({"host": "x"}, {"hosts": ["h"]}, "config.host"),
        ({"connect_timeout": "5"}, {"connect_timeout": 5}, "config.connect_timeout"),
        ({"passfile": "x"}, {"password": SECRET}, "passfile"),
        ({"sslrootcert": "x"}, {}, "sslrootcert"),
        ({"sslrootcert": "x", "sslmode": "prefer"}, {}, "sslrootcert"),
        ({"sslcert": "x", "sslmode": "disable"}, {}, "sslcert"),
        ({"sslmod": "x"}, {}, "sslmod"),
    ],
)
def test_what_libpq_would_pass_over_is_refused_by_name(query: Any, more: Any, word: str) -> None:
    dialect = check_config({"drivername": "postgresql", "database": "d", "query": query, **more}).dialect
    with pytest.raises(ConfigError, match=word) as caught:
        dialect.url()
    assert caught.value.hint
    assert SECRET not in repr(caught.value)


def test_who_answers_from_this_machine_is_known_by_the_host() -> None:
    here = ["", "localhost", "127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "/run/postgresql"]
    assert [host for host in here if not is_this_machine(host)] == []
    assert [host for host in ["localhost.example", "10.0.0.1", "::2", "db1"] if is_this_machine(host)] == []
