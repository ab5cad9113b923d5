"""Running `trialstore schema …` on a config, and databases that are not built as the migrations say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import Result

from command_tree import invoke
from trialstore.contract.helpers import bare, dump
from trialstore.contract.modes import Config
from trialstore.sql.migrations import Migration, load_migrations
from upgrade.databases import structure

Run = Callable[..., Result]


def runner(folder: Path) -> Run:
    """A function that runs `trialstore schema` on a config, with stdout and stderr apart."""

    def run(config: Config | None, *words: str) -> Result:
        named: list[str] = []
        if config is not None:
            file = folder / "storage.json5"
            file.write_text(json.dumps({"class": "trialstore.storage.SqlStorage", "config": config}), encoding="utf-8")
            named = ["--config", str(file)]
        return invoke(["schema", *words, *named])

    return run


def ok(result: Result, code: int = 0) -> str:
    """The output of a command that ended with that code, and without an error."""
    assert (result.exit_code, result.stderr) == (code, ""), result.stdout + result.stderr
    return result.stdout


def refused(result: Result, code: int, *words: str) -> str:
    """The error of a command that ended with that code: in one line, with a hint, and no traceback."""
    assert result.exit_code == code, result.stdout + result.stderr
    assert result.stderr.startswith("Error: ")
    assert "\nHint: " in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    return result.stderr


def snapshot(config: Config) -> Any:
    """All that a database is: its rows and its structure; of a file also the bytes, and the names beside it."""
    file = Path(config["database"])
    if file.is_file():
        return file.read_bytes(), sorted(path.name for path in file.parent.iterdir() if path.suffix != ".json5")
    with bare(config) as storage:
        return dump(storage), structure(storage)


def migrate_as(config: Config, *changes: tuple[str, str]) -> None:
    """Bring an empty database up to date by migrations in which these texts are replaced: drift made on purpose."""
    with bare(config) as storage:
        migrator = storage.database.migrator
        migrator.migrations = changed(migrator.migrations, *changes)
        with storage.database.session() as session:
            session.prepare(write=True)
            migrator.apply(session)


def statement_of(engine: str, version: int, number: int) -> str:
    """The text of a statement of a migration."""
    return load_migrations(f"{engine}/migrations")[version - 1].statements[number - 1]


def changed(migrations: tuple[Migration, ...], *changes: tuple[str, str]) -> tuple[Migration, ...]:
    """Migrations of the same checksums in whose statements these texts are replaced."""
    for old, new in changes:
        assert any(old in statement for migration in migrations for statement in migration.statements), old
        migrations = tuple(
            replace(migration, statements=tuple(statement.replace(old, new) for statement in migration.statements))
            for migration in migrations
        )
    return migrations
