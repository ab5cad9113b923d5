"""The storage that a command works on, and the options that name it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trialstore.dialects.errors import ConfigError
from trialstore.dialects.registry import DEFAULT_BACKEND, backend_of_file

from .output import shell_word

if TYPE_CHECKING:
    from trialstore.storage.database.connections import Database
    from trialstore.storage.sql_storage import SqlStorage

DEFAULT_FILE = "trialstore.sqlite"
URL_VARIABLE = "TRIALSTORE_URL"
LOOK_S = 3.0
"""Longest wait, in seconds, of a command that only looks."""
_DEFAULT_CONFIG = {"drivername": DEFAULT_BACKEND, "database": DEFAULT_FILE}


@dataclass(frozen=True)
class Target:
    """The storage that a command works on: its config, the options that named it, and where the config stands if not in
    an option (a file, the environment). The repr shows none of them."""

    config: dict[str, Any]
    options: tuple[str, ...] = ()
    source: str = ""

    def __repr__(self) -> str:
        return "Target()"

    @property
    def words(self) -> tuple[str, ...]:
        """The options as words to be typed after another command; for a URL that may hold a secret, `URL`."""
        before = ("", *self.options)
        return tuple(
            "URL" if option == "--url" and ("@" in word or "?" in word) else shell_word(word)
            for option, word in zip(before, self.options, strict=False)
        )

    @contextmanager
    def open(self, **overrides: Any) -> Iterator[SqlStorage]:
        """Open the storage, `overrides` laid over its config."""
        from trialstore.storage.sql_storage import SqlStorage

        with self._named():
            storage = SqlStorage({**self.config, **overrides})
        with storage:
            yield storage

    @contextmanager
    def database(self, **overrides: Any) -> Iterator[Database]:
        """The database below the storage, not looked at yet, for commands about its schema."""
        from trialstore.storage.config.keys import check_config
        from trialstore.storage.database.connections import Database

        with self._named():
            database = Database(check_config({**self.config, **overrides}))
        try:
            yield database
        finally:
            database.dispose()

    def database_to_look(self) -> AbstractContextManager[Database]:
        """As `database`, for commands that only look: they wait briefly for a table that is locked, and then say who
        has locked it."""
        waits = {key: self.config.get(key, LOOK_S) for key in ("busy_timeout", "retry_timeout")}
        return self.database(
            **{key: min(wait, LOOK_S) if isinstance(wait, (int, float)) else wait for key, wait in waits.items()}
        )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say in a ConfigError which file the config is from."""
        try:
            yield
        except ConfigError as exc:
            source = f"{self.source}: " if self.source else ""
            raise ConfigError(f"{source}{exc.message}", exc.hint) from None

    def check_named(self) -> None:
        """Raise UsageError where a command would create the default file, which nobody named."""
        if not self.options and not self.source and not Path(DEFAULT_FILE).exists():
            raise click.UsageError(
                f"There is no {DEFAULT_FILE} in the current folder. Name the database to create with --url or "
                f"--config, such as --url {DEFAULT_BACKEND}:///{DEFAULT_FILE}."
            )

    def open_to_read(self) -> AbstractContextManager[SqlStorage]:
        """Open the storage for a command that neither creates nor changes a database."""
        return self.open(schema_policy="verify", lazy_schema_create=False)


def storage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --config, --url and --schema; it gets what they mean as keyword `target`."""

    @click.option(
        "--config", "config_file", metavar="FILE", help="JSON5 file, or JSON5 text, that describes the storage."
    )
    @click.option(
        "--url",
        metavar="URL",
        help=f"Database, such as engine://user:password@host/database, or a file. [default: ${URL_VARIABLE}]",
    )
    @click.option(
        "--schema", metavar="NAME", help="Schema of the database that holds the tables, where there are several."
    )
    @functools.wraps(command)
    def with_target(*args: Any, config_file: str | None, url: str | None, schema: str | None, **kwargs: Any) -> Any:
        return command(*args, target=read_target(config_file, url, schema), **kwargs)

    return with_target


def read_target(config_file: str | None, url: str | None, schema: str | None = None) -> Target:
    """The storage that the options name; without a config or URL, the one of the environment, else the default file in
    the current folder."""
    target = _named_target(config_file, url)
    if schema is None:
        return target
    return Target({**target.config, "schema": schema}, (*target.options, "--schema", schema), target.source)


def _named_target(config_file: str | None, url: str | None) -> Target:
    if config_file is not None and url is not None:
        raise click.UsageError("--config and --url exclude each other: give one of them.")
    if config_file is not None:
        from trialstore.storage.config.file import is_text, load_config

        # A text may hold a password, and is nowhere repeated.
        shown = "TEXT" if is_text(config_file) else config_file
        return Target(load_config(config_file, {}), ("--config", shown), shown)
    if url is not None:
        return Target(_read_url(url), ("--url", url))
    if url := os.environ.get(URL_VARIABLE):
        try:
            return Target(_read_url(url), (), URL_VARIABLE)
        except ConfigError as exc:
            raise ConfigError(f"{URL_VARIABLE}: {exc.message}", exc.hint) from None
    return Target(dict(_DEFAULT_CONFIG))


def _read_url(url: str) -> dict[str, Any]:
    """The config for a URL, or for the name of a file."""
    from trialstore.storage.config.keys import config_from_url

    # What has other signs of a URL or of a connection string in it may hold a password, which no error should repeat.
    if url and "://" not in url and (not {"@", "="} & set(url) or Path(url).exists()):
        return {"drivername": backend_of_file(url), "database": url}
    return config_from_url(url)
