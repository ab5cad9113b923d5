"""The engines and connection modes that this project tests: which there are, and how each gets a fresh database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import servers
from servers import pgbouncer
from trialstore.contract.modes import Config, Mode
from trialstore.storage import SqlStorage

_numbers = itertools.count()


def file_config(drivername: str) -> Callable[[Path], Config]:
    """Makes configs of files in the test's own folder, each time another one."""
    return lambda folder: {"drivername": drivername, "database": str(folder / f"trials{next(_numbers)}.{drivername}")}


@dataclass
class ServerDatabases:
    """Databases of one server: empty ones, and ones with an up-to-date schema, which are emptied and used again."""

    server: str
    pooled: bool = False
    _idle: list[str] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)

    def create(self, _folder: Path) -> Config:
        """The config of a new database. Skips the test (in CI: fails it) where the server cannot be had."""
        return self._config(servers.require_named(self.server).create_database())

    def create_ready(self, folder: Path) -> Config:
        """The config of a database with an up-to-date schema."""
        if self._idle:
            return self._config(self._idle.pop())
        config = self.create(folder)
        SqlStorage(config).dispose()
        self.ready.add(config["database"])
        return config

    def drop(self, config: Config) -> None:
        """Remove a database, or empty it for the next test."""
        server, name = servers.require_named(self.server), config["database"]
        if name not in self.ready:
            server.drop_database(name)
            return
        with server.session(name) as execute:
            for table in TABLES:
                execute(f"DELETE FROM {table}")
            for statement in RESTART[servers.CHOICES[self.server].kind.engine]:
                execute(statement)
        self._idle.append(name)

    def _config(self, name: str) -> Config:
        return (
            pgbouncer.require_before(self.server).config(name)
            if self.pooled
            else servers.require_named(self.server).config(name)
        )


# Children before parents.
TABLES = (
    *("trial_lineage", "trial_telemetry", "trial_result", "trial_status", "trial_param", "trial_attribute", "trial"),
    *("context_value", "context", "config_param", "config", "objectives", "experiment_attribute", "experiment"),
)
RESTART = {
    "postgresql": ["ALTER SEQUENCE config_config_id_seq RESTART", "ALTER SEQUENCE context_context_id_seq RESTART"],
    "mysql": ["ALTER TABLE config AUTO_INCREMENT = 1", "ALTER TABLE context AUTO_INCREMENT = 1"],
}


@dataclass
class FileCopies:
    """Files with an up-to-date schema, copied from one."""

    drivername: str
    _content: bytes = b""

    def __call__(self, folder: Path) -> Config:
        config = file_config(self.drivername)(folder)
        if not self._content:
            SqlStorage(config).dispose()
            self._content = Path(config["database"]).read_bytes()
        Path(config["database"]).write_bytes(self._content)
        return config


def server_modes(server: str) -> list[Mode]:
    """The modes of one of the servers that tests can be run on, the plainest first."""
    pooled = (False, True) if servers.CHOICES[server].kind.engine == "postgresql" else (False,)
    return [_server_mode(server, through) for through in pooled]


def _server_mode(server: str, pooled: bool) -> Mode:
    databases = ServerDatabases(server, pooled)
    name = server.replace("postgresql", "pgbouncer") if pooled else server
    return Mode(name, databases.create, databases.drop, databases.create_ready, variant=pooled)


FILE_MODES: dict[str, list[Mode]] = {
    "sqlite": [
        Mode("sqlite-file", file_config("sqlite"), create_ready=FileCopies("sqlite")),
        Mode(
            "sqlite-memory",
            lambda _folder: {"drivername": "sqlite"},
            reopens=False,
            many_processes=False,
            variant=True,
        ),
    ],
    "duckdb": [
        Mode("duckdb-file", file_config("duckdb"), create_ready=FileCopies("duckdb"), many_processes=False),
        Mode(
            "duckdb-memory",
            lambda _folder: {"drivername": "duckdb"},
            reopens=False,
            many_processes=False,
            variant=True,
        ),
    ],
}
"""Engine without servers → its modes."""
SERVER_MODES = {server: server_modes(server) for server in servers.CHOICES}
"""Server → its modes."""
ENGINES = (*FILE_MODES, *dict.fromkeys(choice.kind.engine for choice in servers.CHOICES.values()))


def modes(engine: str, chosen: Sequence[str]) -> list[Mode]:
    """The modes of an engine, on those of its servers that are chosen."""
    if engine in FILE_MODES:
        return FILE_MODES[engine]
    return [mode for server in servers_of(engine, chosen) for mode in SERVER_MODES[server]]


def servers_of(engine: str, chosen: Sequence[str]) -> list[str]:
    """Those of the chosen servers that serve an engine."""
    return [server for server in chosen if servers.CHOICES[server].kind.engine == engine]


def first_mode(engine: str) -> Mode:
    """The plainest mode of an engine whose databases can be opened twice, on the server that the test is for."""
    return (FILE_MODES[engine] if engine in FILE_MODES else SERVER_MODES[servers.chosen(engine)])[0]


def make_config(engine: str, folder: Path, **more: Any) -> Config:
    """The config of a fresh, empty database of an engine."""
    return {**first_mode(engine).create(folder), **more}
