"""A PostgreSQL primary and a standby that follows it, of which a test can make the new primary."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL

from servers.base import DatabaseServer
from servers.binaries import need_module, need_program
from servers.errors import ServerBroken
from servers.postgresql import PostgresqlServer
from servers.process import PATIENCE, ServerProcess
from servers.registry import kept


class StandbyServer(PostgresqlServer):
    """A server that repeats what another one does, and only reads until it is promoted."""

    @classmethod
    def follow(cls, primary: DatabaseServer) -> DatabaseServer:
        """Copy a server and go on following it."""
        copy = need_program("pg_basebackup", "postgresql")
        process = ServerProcess("standby", ("postgres",), farewell=cls.crash)
        with process.closed_on_error():
            config = primary.config("postgres")
            # In a file, as command lines can be read by everybody; the copy takes its name over into its settings.
            words = ("127.0.0.1", str(config["port"]), "*", config["username"], config["password"])
            passwords = process.write("passwords", ":".join(words) + "\n")
            source = f"host=127.0.0.1 port={config['port']} user={config['username']} passfile={passwords}"
            data = process.folder / "data"
            how = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
            process.run(copy, "-D", data, "-d", source, *how)
            return cls._launch(
                process,
                URL.create(**config),
                lambda port: [copy.with_name("postgres"), "-D", data, "-k", process.folder, "-p", str(port)],
            )


class Pair:
    """A private primary and its standby; user and password are the same on both.

    `synchronous`: a commit is acknowledged when the standby has it too, so that none is lost when the primary is. While
    there is no standby, commits of the primary then wait for one.
    """

    def __init__(self, *, synchronous: bool = True) -> None:
        need_module(PostgresqlServer.module, PostgresqlServer.extra)
        self._owner = os.getpid()
        self.stopped = False
        self.primary = PostgresqlServer.start()
        try:
            self.standby = StandbyServer.follow(self.primary)
            try:
                self._settle(synchronous)
            except BaseException:
                self.standby.stop()
                raise
        except BaseException:
            self.primary.stop()
            raise

    @property
    def pids(self) -> list[int | None]:
        """The process ids of primary and standby."""
        return [self.primary.pid, self.standby.pid]

    def config(self, database: str, **more: Any) -> dict[str, Any]:
        """The administrator's config of a storage in a database, on whichever of the two takes writes."""
        first, second = (server.config(database) for server in (self.primary, self.standby))
        known = {key: value for key, value in first.items() if key not in ("host", "port")}
        hosts, ports = (",".join(str(one[key]) for one in (first, second)) for key in ("host", "port"))
        return {**known, "query": {"host": hosts, "port": ports, "target_session_attrs": "read-write"}, **more}

    def create_database(self) -> str:
        """The name of a new, empty database, which both know."""
        name = self.primary.create_database()
        self.catch_up()
        return name

    def catch_up(self) -> None:
        """Wait until the standby shows all that was committed on the primary before."""
        position = self.primary.admin("SELECT pg_current_wal_flush_lsn()::text")[0][0]
        _until(lambda: self.standby.admin("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position) == [(True,)])

    def kill_primary(self, *, immediate: bool = True) -> None:
        """End the primary as a crash does: by an immediate shutdown, or else by SIGKILL, after which its sessions live
        on until they notice."""
        self.primary.process.end(signal.SIGQUIT if immediate else signal.SIGKILL)

    def promote(self) -> None:
        """Have the standby take writes."""
        self.standby.admin("SELECT pg_promote(true, 60)")
        _until(lambda: self.standby.admin("SELECT pg_is_in_recovery()") == [(False,)])

    def stop(self) -> None:
        """End both and remove their folders."""
        if self.stopped or os.getpid() != self._owner:
            return
        self.stopped = True
        try:
            self.standby.stop()
        finally:
            self.primary.stop()

    def _settle(self, synchronous: bool) -> None:
        """Wait for the stream, and only then make commits wait for it: what is copied must not."""
        _until(lambda: self._stream("state") == "streaming")
        if synchronous:
            self.primary.admin("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.primary.admin("SELECT pg_reload_conf()")
            _until(lambda: self._stream("sync_state") == "sync")

    def _stream(self, column: str) -> str:
        rows = self.primary.admin(f"SELECT {column} FROM pg_stat_replication")
        return str(rows[0][0]) if rows else ""


def require() -> Pair:
    """The process's pair, started at first use; a test without is skipped or fails as for a server.

    A test that ends a primary makes a `Pair` of its own.
    """
    return kept("standby", Pair)


def _until(check: Callable[[], bool]) -> None:
    late = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > late:
            raise ServerBroken(f"the standby did not get that far in {PATIENCE:.0f} s")
        time.sleep(0.02)
