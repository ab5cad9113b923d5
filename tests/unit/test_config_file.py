"""Config files of storages: where they come from, what they hold, what `$NAME` means in them, what errors say."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matrix import ENGINES
from trialstore.dialects.errors import ConfigError
from trialstore.storage.config.file import load_config
from trialstore.storage.config.keys import known_keys
from trialstore.storage.storage_factory import from_config

CLASS = "trialstore.storage.SqlStorage"


@pytest.fixture(autouse=True)
def _a_known_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "NAME", "MISSING", "PORT", "WAIT", "LOG"):
        monkeypatch.delenv(name, raising=False)


def load(settings: dict[str, Any], **global_config: Any) -> dict[str, Any]:
    return load_config(json.dumps({"drivername": "sqlite", **settings}), global_config)


def refusal(config: Any, **global_config: Any) -> str:
    """The error's text as a traceback shows it, causes included."""
    with pytest.raises(ConfigError) as caught:
        load_config(config, global_config)
    return "".join(traceback.format_exception_only(caught.value)) + (
        repr(caught.value.__cause__) if caught.value.__cause__ or not caught.value.__suppress_context__ else ""
    )


# Files and texts


def test_a_file_with_comments_and_trailing_commas_is_read(tmp_path: Path) -> None:
    file = tmp_path / "storage.jsonc"
    file.write_text(
        """// where results go
        {
            "$schema": "https://example.com/storage-schema.json",
            "description": "results", /* for people */
            "class": "mlos_bench.storage.sql.storage.SqlStorage",
            config: { drivername: 'sqlite', "database": "größe.sqlite", log_sql: false, },
        }
        """,
        encoding="utf-8",
    )
    expected = {"drivername": "sqlite", "database": "größe.sqlite", "log_sql": False}
    assert load_config(str(file), {}) == expected
    assert load_config(file, {}) == expected


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "storage.json"
    file.write_bytes(b'\xef\xbb\xbf{"drivername": "sqlite"}')
    assert load_config(file, {}) == load_config('\ufeff\n {"drivername": "sqlite"}', {}) == {"drivername": "sqlite"}


@pytest.mark.parametrize("name", [CLASS, "trialstore.storage.sql_storage.SqlStorage"])
def test_text_that_begins_with_a_brace_is_the_config_itself(name: str) -> None:
    settings = {"drivername": "sqlite", "port": 1, "query": {"mode": "ro"}}
    assert load_config(f" \n {json.dumps({'class': name, 'config': settings})}", {}) == settings
    assert load_config(json.dumps(settings), {}) == settings


def test_a_relative_database_path_stays_relative(tmp_path: Path) -> None:
    file = tmp_path / "storage.json"
    file.write_text('{"drivername": "sqlite", "database": "x.sqlite"}')
    assert load_config(file, {})["database"] == "x.sqlite"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\ud83d\ude00", "\U0001f600"),
        (r"a\uD83D\uDE00\u00e9", "a\U0001f600\u00e9"),
        (r"\\ud83d\\ude00", r"\ud83d\ude00"),
        (r"\\\ud83d\ude00\n", "\\\U0001f600\n"),
    ],
)
def test_escaped_characters_mean_what_they_mean_in_json(written: str, meant: str) -> None:
    assert load_config(f'{{drivername: "sqlite", database: "{written}"}}', {})["database"] == meant


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{\n  // note\n  a: 1,\n  b: @hunter2 }", ["JSON5", "line 4, column 6"]),
        (b'{\n  "password": "hunter2', ["JSON5", "line 2"]),
        (b"", ["JSON5"]),
        (b"[1, 'hunter2']", ["object"]),
        (b"'hunter2'", ["object"]),
        (b'{"password": "hunter2\xff"}', ["UTF-8"]),
        (b"{}", ['"config"', '"drivername"', CLASS]),
        (b"{password: 'hunter2'}", ['"config"', '"drivername"', CLASS]),
        (b"{config: {password: 'hunter2'}}", ['"class"', CLASS]),
        (b"{class: 'hunter2', config: {}}", ['"class"', CLASS]),
        (b"{class: ['hunter2'], config: {}}", ['"class"', CLASS]),
        (b"{class: '" + CLASS.encode() + b"'}", ['"config"', "object"]),
        (b"{class: '" + CLASS.encode() + b"', config: 'hunter2'}", ['"config"', "object"]),
        (b"{class: '" + CLASS.encode() + b"', confg: {}, config: {}}", ["'confg'", "'config'"]),
        (b"{class: '" + CLASS.encode() + b"', include_tunables: ['hunter2'], config: {}}", ["'include_tunables'"]),
    ],
)
def test_a_wrong_file_is_refused_naming_the_file_and_the_fault_and_no_value(
    content: bytes, said: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "wrong.json5"
    file.write_bytes(content)
    text = refusal(str(file))
    assert [word for word in [str(file), *said] if word not in text] == []
    assert "hunter2" not in text


def test_a_text_nested_too_deeply_is_refused() -> None:
    assert "nested" in refusal("{a: " + "[" * 100_000)


def test_a_missing_file_or_a_folder_is_refused_naming_it(tmp_path: Path) -> None:
    assert f"'{tmp_path / 'none.json'}' does not exist" in refusal(tmp_path / "none.json")
    assert f"'{tmp_path}' cannot be read" in refusal(str(tmp_path))
    assert "cannot be read" in refusal("x" * 100_000)


@pytest.mark.parametrize(
    "config",
    [
        "postgresql://user:hunter2@example.com/db",
        "// my config\n{password: 'hunter2'}",
        "[{password: 'hunter2'}]",
        "nul\0hunter2",
    ],
)
def test_what_may_be_a_config_or_a_url_is_not_repeated_as_a_file_name(config: str) -> None:
    text = refusal(config)
    assert "The config given" in text
    assert "hunter2" not in text
    assert ("config_from_url" in text) == ("://" in config)


# References


def test_a_reference_is_replaced_from_the_global_config_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "from-environment")
    monkeypatch.setenv("NAME", "db")
    settings = {"host": "$HOST", "database": "x-${NAME}.$HOST", "query": {"mode": "$NAME", "list": ["${HOST}", 1]}}
    assert load(settings, HOST="from-global") == {
        "drivername": "sqlite",
        "host": "from-global",
        "database": "x-db.from-global",
        "query": {"mode": "db", "list": ["from-global", 1]},
    }
    assert load(settings)["host"] == "from-environment"


@pytest.mark.parametrize("value", [5432, 1.5, True, None, "text", {"a": 1}, "$NAME", "$$"])
def test_a_value_that_is_only_a_reference_takes_type_and_value_from_the_global_config(value: Any) -> None:
    for reference in ("$X", "${X}"):
        replaced = load({"port": reference}, X=value)["port"]
        assert (type(replaced), replaced) == (type(value), value)


def test_inside_longer_text_a_reference_is_replaced_by_text() -> None:
    assert load({"database": "a$X-${X}b", "query": {"c": "$X $Y"}}, X=1, Y=True) == {
        "drivername": "sqlite",
        "database": "a1-1b",
        "query": {"c": "1 True"},
    }


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("port", "5432", 5432),
        ("port", " 05432 ", 5432),
        ("log_sql", "true", True),
        ("log_sql", "False", False),
        ("lazy_schema_create", "TRUE", True),
        ("busy_timeout", "2.5", 2.5),
        ("busy_timeout", "30", 30.0),
        ("retry_timeout", "1e1", 10.0),
        ("host", "5432", "5432"),
        ("password", "5432", "5432"),
        ("database", "true", "true"),
    ],
)
def test_text_of_the_environment_becomes_the_type_that_the_key_needs(
    key: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X", text)
    replaced = load({key: "$X"})[key]
    assert (type(replaced), replaced) == (type(value), value)
    assert load({"query": {key: "$X"}})["query"][key] == text


@pytest.mark.parametrize("engine", ENGINES)
def test_each_key_takes_its_type_from_the_environment_and_from_texts_of_a_global_config(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {bool: ("true", True), float: ("2.5", 2.5), int: ("7", 7), list: ("a, b:1", ["a", "b:1"])}
    typed = {key: option for key, option in known_keys(engine).items() if str not in option.types}
    assert {"retry_timeout", "busy_timeout", "log_sql", "port"} <= typed.keys()
    if engine in ("postgresql", "mysql"):
        assert {"connect_timeout", "migration_lock_timeout", "migration_statement_timeout", "hosts"} <= typed.keys()
    for key, option in typed.items():
        for kind, (text, meant) in texts.items():
            if kind in option.types and (kind is not int or float not in option.types):
                monkeypatch.setenv("X", text)
                assert load({"drivername": engine, key: "$X"})[key] == meant
                assert load({"drivername": engine, key: "$Y"}, Y=text)[key] == meant


def test_the_engine_that_decides_which_keys_there_are_may_be_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", "duckdb")
    monkeypatch.setenv("ONLY", "true")
    assert load({"drivername": "$ENGINE", "read_only": "$ONLY"})["read_only"] is True
    assert load({"drivername": "nothing", "read_only": "$ONLY"})["read_only"] == "true"


def test_an_object_is_in_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "{mode: 'hunter2'}")
    assert '"query"' in (said := refusal('{drivername: "sqlite", query: "$X"}'))
    assert "hunter2" not in said


def test_text_of_the_environment_stays_as_it_is_inside_longer_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "023")
    assert load({"port": "1$X"})["port"] == "1023"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("port", "hunter2"),
        ("port", "-1"),
        ("port", "9" * 5000),
        ("port", ""),
        ("log_sql", "1"),
        ("lazy_schema_create", "yes"),
        ("busy_timeout", "nan"),
        ("busy_timeout", "hunter2"),
    ],
)
def test_text_of_the_environment_that_does_not_fit_is_refused_without_showing_it(
    key: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XNAME", text)
    said = refusal(json.dumps({"drivername": "sqlite", key: "$XNAME"}))
    assert f'"{key}"' in said
    assert "XNAME" in said
    assert "hunter2" not in said


def test_what_replaces_a_reference_is_not_searched_for_references_again() -> None:
    assert load({"host": "$X", "database": "a-$X"}, X="$Y$$", Y="no") == {
        "drivername": "sqlite",
        "host": "$Y$$",
        "database": "a-$Y$$",
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a$$b", "a$b"),
        ("$$X", "$X"),
        ("$${X}", "${X}"),
        ("$$$X", "$1"),
        ("$$$$", "$$"),
        ("cost 5$", "cost 5$"),
        ("$5 $ -$-", "$5 $ -$-"),
        ("$Xy$X", "2" + "1"),
        ("${X}y", "1y"),
        ("größe$X", "größe1"),
        ("$Xé", "1é"),
        ("", ""),
    ],
)
def test_two_dollars_are_one_and_a_dollar_before_no_name_stays(written: str, meant: str) -> None:
    assert load({"database": written}, X=1, Xy=2)["database"] == meant


@pytest.mark.parametrize("value", ["$MISSING", "${MISSING}", "a$MISSING", "$HOST$MISSING"])
def test_a_missing_variable_is_refused_naming_it_the_key_and_the_file(value: str, tmp_path: Path) -> None:
    file = tmp_path / "storage.json"
    file.write_text(json.dumps({"drivername": "sqlite", "query": {"mode": value}}))
    said = refusal(file, HOST="hunter2")
    assert [word for word in ("MISSING", '"query.mode"', str(file)) if word not in said] == []
    assert "hunter2" not in said


@pytest.mark.parametrize("value", ["${", "a${X", "${X-1}", "${}", "${1}"])
def test_a_reference_that_is_not_well_formed_is_refused_naming_the_key(value: str) -> None:
    assert '"database"' in refusal(json.dumps({"drivername": "sqlite", "database": value}), X=1)


# Passwords


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$X", "pa$$word"),
        ("${X}", "pa$$word"),
        ("a$X", "a$X"),
        ("$X-", "$X-"),
        ("a$$b", "a$$b"),
        ("${", "${"),
        ("${X", "${X"),
        ("$", "$"),
        ("$$X", "$X"),
        ("$$", "$"),
        ("$$a$$b", "$a$$b"),
        ("", ""),
    ],
)
def test_a_password_is_replaced_as_a_whole_or_taken_as_it_stands(written: str, meant: str) -> None:
    assert load({"password": written}, X="pa$$word")["password"] == meant
    assert load({"query": {"sslpassword": written}}, X="pa$$word")["query"]["sslpassword"] == meant


@given(st.text().filter(lambda text: not text.startswith("$")))
def test_any_password_that_does_not_begin_with_a_dollar_is_taken_as_it_stands(password: str) -> None:
    assert load({"password": password}) == {"drivername": "sqlite", "password": password}


@given(st.text())
def test_a_dollar_before_a_password_that_begins_with_one_keeps_it(rest: str) -> None:
    assert load({"password": f"$${rest}"})["password"] == f"${rest}"


def test_a_missing_variable_in_a_password_names_the_variable() -> None:
    said = refusal(json.dumps({"drivername": "sqlite", "password": "$MISSING"}))
    assert "MISSING" in said
    assert '"password"' in said


def test_a_password_with_dollars_never_makes_an_error_that_shows_a_part_of_it() -> None:
    config = {"drivername": "sqlite", "password": "a$hunter2${hunter2", "database": "$MISSING"}
    assert "hunter2" not in refusal(json.dumps(config))


# Opening a storage from a file. No connection is made: the schema is created lazily.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "storage.jsonc"
    settings = {"drivername": "sqlite", "database": "$DB", "lazy_schema_create": "$LAZY"}
    file.write_text(json.dumps({"class": CLASS, "config": settings}))
    return file


def test_from_config_opens_the_storage_that_the_file_describes(file: Path, tmp_path: Path) -> None:
    from trialstore.storage.sql_storage import SqlStorage

    with from_config(str(file), DB=str(tmp_path / "x.sqlite"), LAZY=True) as storage:
        assert isinstance(storage, SqlStorage)
        assert repr(storage) == f"sqlite:{tmp_path / 'x.sqlite'}"


def test_global_configs_are_merged_in_order_and_keywords_overlay_them(file: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    first.write_text(json.dumps({"DB": "first.sqlite", "LAZY": True}))
    with from_config(str(file), [str(first)]) as storage:
        assert repr(storage) == "sqlite:first.sqlite"
    with from_config(str(file), [str(first), "{DB: 'second.sqlite'}"]) as storage:
        assert repr(storage) == "sqlite:second.sqlite"
    with from_config(str(file), [str(first), "{DB: 'second.sqlite'}"], DB="third.sqlite") as storage:
        assert repr(storage) == "sqlite:third.sqlite"


def test_the_storage_is_given_the_merged_global_config(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    monkeypatch.setattr("trialstore.storage.storage_factory.SqlStorage", lambda **arguments: given.append(arguments))
    from_config('{drivername: "sqlite", database: "$DB"}', ["{a: 1, b: 1}", "{b: 2, c: 2}"], c=3, DB="x")
    assert given == [
        {
            "config": {"drivername": "sqlite", "database": "x"},
            "global_config": {"a": 1, "b": 2, "c": 3, "DB": "x"},
        }
    ]


def test_a_wrong_global_config_is_refused_naming_its_file(file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "global.json"
    wrong.write_text("{\n DB: ")
    with pytest.raises(ConfigError, match=r"global\.json.*line 2"):
        from_config(str(file), [str(wrong)])


def test_importing_the_module_does_not_load_json5() -> None:
    code = "import sys, trialstore.storage.config.file; print(sorted({'json5', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
