"""What a telemetry writer does while points cannot be stored: a function stands in for the database, so that each
moment can be held."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from trialstore.dialects.errors import (
    Busy,
    CommitUnknown,
    ConnectError,
    ErrorKind,
    PermissionDenied,
    QueryError,
    ServerUnreachable,
    StorageError,
)
from trialstore.storage.telemetry_writer import Point, TelemetryWriter

PATIENCE_S = 60
PASSING = [
    Busy("busy", "", ErrorKind.BUSY),
    QueryError("cut", "", ErrorKind.DISCONNECTED),
    ServerUnreachable("away"),
    ConnectError("refused"),
    CommitUnknown("unknown", "", ErrorKind.DISCONNECTED),
]


class Store:
    """A database that is away when `error` is set, and that does nothing before `gate` is open."""

    def __init__(self) -> None:
        self.points: list[Any] = []
        self.batches: list[int] = []
        self.attempts = 0
        self.error: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, points: list[Point]) -> None:
        self.attempts += 1
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        self.points += [text for _, _, text, _ in points]
        self.batches.append(len(points))


@pytest.fixture
def store() -> Store:
    return Store()


def writer(store: Callable[[list[Point]], None], **options: Any) -> TelemetryWriter:
    return TelemetryWriter(
        store, "Exp:1", 100, **{"flush_every": 0.01, "at_most": 1000, "when_full": "block", **options}
    )


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def fill(telemetry: TelemetryWriter, store: Store, count: int) -> None:
    """Let the thread be in the middle of storing the first point, and others wait."""
    store.gate.clear()
    telemetry.add("x", 0)
    assert store.entered.wait(PATIENCE_S)
    for number in range(1, count):
        telemetry.add("x", number)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("when_full", ["block", "drop"])
def test_what_passes_is_waited_for_and_reported_once(
    store: Store, error: StorageError, when_full: str, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = error
    with caplog.at_level(logging.WARNING), writer(store, when_full=when_full) as telemetry:
        telemetry.add("x", 0)
        with pytest.raises(type(error)):
            telemetry.flush()
        telemetry.add("x", 1)
        store.error = None
        telemetry.flush()
        assert store.points == numbers(2)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"Trial Exp:1: telemetry has to wait: {error.message}",
        "Trial Exp:1: telemetry is stored again",
    ]


def test_a_full_writer_waits_until_there_is_room(store: Store) -> None:
    with writer(store, at_most=5) as telemetry:
        fill(telemetry, store, 5)
        more = threading.Thread(target=lambda: [telemetry.add("x", number) for number in range(5, 20)])
        more.start()
        more.join(0.2)
        assert more.is_alive()
        store.gate.set()
        more.join(PATIENCE_S)
        assert not more.is_alive()
    assert store.points == numbers(20)
    assert max(store.batches) <= 5


def test_a_full_writer_raises_what_keeps_the_database_away(store: Store) -> None:
    store.error = ServerUnreachable("The server is away.")
    with writer(store, at_most=3) as telemetry:
        fill(telemetry, store, 3)
        store.gate.set()
        with pytest.raises(ServerUnreachable):
            telemetry.add("x", "too much")
        store.error = None
        telemetry.flush()
        telemetry.add("x", 3)
    assert store.points == numbers(4)


def test_a_full_writer_drops_and_counts_where_it_may(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), writer(store, at_most=5, when_full="drop") as telemetry:
        fill(telemetry, store, 12)
        assert telemetry.dropped == 7
        store.gate.set()
        telemetry.flush()
        telemetry.add("x", 12)
    assert store.points == [*numbers(5), "12"]
    assert (telemetry.stored, telemetry.dropped) == (6, 7)
    assert [record.getMessage() for record in caplog.records] == [
        "Trial Exp:1: 5 telemetry points wait to be stored; more are dropped",
        "Trial Exp:1: 7 telemetry points were dropped",
    ]


def test_the_end_of_the_block_says_how_many_points_are_not_stored(store: Store) -> None:
    store.error = ServerUnreachable("The server is away.")

    def measure() -> None:
        with telemetry:
            fill(telemetry, store, 3)
            store.gate.set()

    telemetry = writer(store)
    with pytest.raises(ServerUnreachable) as caught:
        measure()
    assert caught.value.message == "The server is away. 3 telemetry points of trial Exp:1 were not stored."
    assert (telemetry.stored, store.points) == (0, [])


def test_where_it_may_drop_the_end_of_the_block_raises_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.error = ServerUnreachable("The server is away.")
    with caplog.at_level(logging.WARNING), writer(store, when_full="drop") as telemetry:
        telemetry.add("x", 0)
    assert telemetry.dropped == 1
    assert "1 telemetry points were dropped" in caplog.text


@pytest.mark.parametrize("error", [PermissionDenied("no right"), ZeroDivisionError("bug")])
@pytest.mark.parametrize("when_full", ["block", "drop"])
def test_what_does_not_pass_ends_it(store: Store, error: Exception, when_full: str) -> None:
    store.error = error

    def measure() -> None:
        with writer(store, when_full=when_full) as telemetry:
            fill(telemetry, store, 2)
            store.gate.set()
            with pytest.raises(StorageError):
                telemetry.flush()
            with pytest.raises(StorageError):
                telemetry.add("x", 3)

    with pytest.raises(StorageError, match="2 telemetry points"):
        measure()
    assert store.attempts == 1


def test_the_exception_of_the_block_goes_before_that_of_the_writer(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.error = PermissionDenied("no right")

    def measure() -> None:
        with writer(store) as telemetry:
            telemetry.add("x", 0)
            raise ZeroDivisionError

    with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError):
        measure()
    assert "no right 1 telemetry points of trial Exp:1 were not stored." in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
def test_a_forked_child_sends_its_own_points_only(store: Store) -> None:
    read, write = os.pipe()
    with writer(store, flush_every=3600) as telemetry:
        telemetry.add("x", 0)
        if (child := os.fork()) == 0:
            store.points.clear()
            telemetry.add("x", 1)
            telemetry.flush()
            os.write(write, ",".join(store.points).encode())
            os._exit(0)
        os.waitpid(child, 0)
        telemetry.add("x", 2)
    assert os.read(read, 100) == b"1"
    assert store.points == ["0", "2"]
    os.close(read)
    os.close(write)
