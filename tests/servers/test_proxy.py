"""The proxy: it lets everything through, and cuts connections where it is told to."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from servers import DEFAULT, DatabaseServer, require_named
from servers.base import Execute, connected
from servers.proxy import Cut, Faults, Proxy
from servers.wire import MysqlReader, PostgresqlReader


@pytest.fixture(params=DEFAULT)
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """The server that the other tests use too."""
    return require_named(request.param)


@pytest.fixture
def database(server: DatabaseServer) -> Iterator[str]:
    """A database with a table of numbers."""
    name = server.create_database()
    text = "TEXT" if server.engine == "postgresql" else "LONGTEXT"
    server.admin(f"CREATE TABLE t (i INTEGER PRIMARY KEY, s {text})", database=name)
    yield name
    server.drop_database(name)


def numbers(server: DatabaseServer, database: str) -> list[int]:
    """What is in the table, as the server itself tells."""
    return [row[0] for row in server.admin("SELECT i FROM t ORDER BY i", database=database)]


def through(proxy: Proxy, server: DatabaseServer, database: str) -> contextlib.AbstractContextManager[Execute]:
    """A client of the proxy."""
    return connected(server.module, URL.create(**proxy.config(database)))


@contextlib.contextmanager
def lost(server: DatabaseServer) -> Iterator[None]:
    """The driver notices soon that its connection is gone, and closing it is no trouble either."""
    begin = time.monotonic()
    with pytest.raises(errors(server)):
        yield
    assert time.monotonic() - begin < 20


def errors(server: DatabaseServer) -> tuple[type[Exception], ...]:
    """What drivers raise when their connection is lost."""
    module = importlib.import_module(server.module)
    return (module.OperationalError, module.InterfaceError)


def add(execute: Execute, number: int) -> None:
    """A number, in a transaction of its own."""
    execute("BEGIN")
    execute("INSERT INTO t VALUES (%s, %s)", number, str(number))
    execute("COMMIT")


def test_lets_everything_through(server: DatabaseServer, database: str) -> None:
    long = "0123456789abcdef" * 40_000
    with Proxy(server) as proxy:
        with through(proxy, server, database) as first, through(proxy, server, database) as second:
            for number in range(10):  # some drivers prepare what they see several times
                add(first if number % 2 else second, number)
            first("INSERT INTO t VALUES (%s, %s)", 10, long)
            assert second("SELECT s FROM t WHERE i = 10") == [(long,)]
        assert (proxy.connections, sum(proxy.cuts.values())) == (2, 0)
    assert numbers(server, database) == list(range(11))


def test_cuts_all_on_demand(server: DatabaseServer, database: str) -> None:
    with Proxy(server) as proxy:
        with lost(server), through(proxy, server, database) as first:
            with lost(server), through(proxy, server, database) as second:
                for number, execute in enumerate((first, second)):
                    execute("BEGIN")
                    execute("INSERT INTO t VALUES (%s, NULL)", number)
                assert proxy.cut_all() == 2
                second("SELECT 1")
            first("SELECT 1")
        assert proxy.cut_all() == 0
        assert proxy.cuts == {Cut.DEMAND: 2}
        with through(proxy, server, database) as third:
            assert third("SELECT i FROM t") == []
            add(third, 0)  # waits for nobody: the server has undone what was cut
    assert numbers(server, database) == [0]


@pytest.mark.parametrize("before", [0, 3, 12], ids=lambda before: f"{before}-commits-before")
@pytest.mark.parametrize("where", [Cut.COMMIT_ANSWER, Cut.COMMIT_REQUEST], ids=lambda where: where.name.lower())
def test_cuts_at_a_commit(where: Cut, before: int, server: DatabaseServer, database: str) -> None:
    with Proxy(server) as proxy:
        with lost(server), through(proxy, server, database) as execute:
            for number in range(before):
                add(execute, number)
            assert sum(proxy.cuts.values()) == 0
            proxy.cut_next_commit(where)
            execute("BEGIN")
            execute("INSERT INTO t VALUES (%s, NULL)", before)
            execute("SELECT 'COMMIT'")  # is none
            assert sum(proxy.cuts.values()) == 0
            execute("COMMIT")
        assert proxy.cuts == {where: 1}
        expected = list(range(before + (where is Cut.COMMIT_ANSWER)))
        assert numbers(server, database) == expected
        with through(proxy, server, database) as execute:  # the next connection is as good as any
            add(execute, 99)
    assert numbers(server, database) == [*expected, 99]


def test_cuts_at_the_drivers_own_commit(server: DatabaseServer, database: str) -> None:
    module = importlib.import_module(server.module)
    with Proxy(server) as proxy:
        url = URL.create(**proxy.config(database))
        arguments, options = url.get_dialect()().create_connect_args(url)
        with contextlib.closing(module.connect(*arguments, **options)) as connection:
            proxy.cut_next_commit()
            with contextlib.closing(connection.cursor()) as cursor:
                cursor.execute("INSERT INTO t VALUES (1, NULL)")
            with lost(server):
                connection.commit()
    assert numbers(server, database) == [1]


def losses(server: DatabaseServer, database: str, faults: Faults) -> tuple[list[int], dict[Cut, int], int]:
    """How many transactions each of some connections could do, what was cut, and how many were acknowledged."""
    server.admin("DELETE FROM t", database=database)
    done: list[int] = []
    acknowledged: list[int] = []
    with Proxy(server, faults) as proxy:
        for attempt in range(12):
            done.append(0)
            with contextlib.suppress(*errors(server)), through(proxy, server, database) as execute:
                for number in range(10):
                    add(execute, 100 * attempt + number)
                    acknowledged.append(100 * attempt + number)
                    done[-1] += 1
        cuts = dict(proxy.cuts)
    stored = numbers(server, database)
    assert set(acknowledged) <= set(stored)
    return done, cuts, len(stored) - len(acknowledged)


def test_cuts_by_chance_and_the_same_by_the_same_seed(server: DatabaseServer, database: str) -> None:
    first = losses(server, database, Faults(seed=1, message=0.03))
    again = losses(server, database, Faults(seed=1, message=0.03))
    other = losses(server, database, Faults(seed=2, message=0.03))
    assert first == again
    assert first != other
    assert set(first[1]) == {Cut.REQUEST, Cut.ANSWER}
    assert 0 < sum(first[1].values()) <= 12
    assert any(0 < done < 10 for done in first[0])


@pytest.mark.parametrize(
    "faults, where",
    [
        (Faults(seed=3, commit_answer=0.2), Cut.COMMIT_ANSWER),
        (Faults(seed=3, commit_request=0.2), Cut.COMMIT_REQUEST),
    ],
    ids=["answer", "request"],
)
def test_cuts_commits_by_chance(faults: Faults, where: Cut, server: DatabaseServer, database: str) -> None:
    done, cuts, unacknowledged = losses(server, database, faults)
    assert set(cuts) == {where}
    assert 3 <= cuts[where] <= 12
    assert sum(number < 10 for number in done) == cuts[where]
    assert unacknowledged == (cuts[where] if where is Cut.COMMIT_ANSWER else 0)


def test_faults_may_change(server: DatabaseServer, database: str) -> None:
    with Proxy(server) as proxy, contextlib.ExitStack() as stack:
        stack.enter_context(lost(server))
        execute = stack.enter_context(through(proxy, server, database))
        add(execute, 1)
        proxy.faults = Faults(commit_answer=1.0)
        add(execute, 2)
    assert numbers(server, database) == [1, 2]
    assert proxy.cuts == {Cut.COMMIT_ANSWER: 1}


def test_passes_on_that_the_server_is_gone(monkeypatch: pytest.MonkeyPatch, server: DatabaseServer) -> None:
    with Proxy(server) as proxy:
        proxy.target = ("127.0.0.1", 1)
        with lost(server), through(proxy, server, "x"):
            pass
    with lost(server), through(proxy, server, "x"):  # and so is the proxy
        pass


def postgresql(kind: bytes, content: bytes) -> bytes:
    """A message."""
    return kind + (len(content) + 4).to_bytes(4, "big") + content


def mysql(content: bytes, number: int = 0) -> bytes:
    """A packet."""
    return len(content).to_bytes(3, "little") + bytes([number]) + content


STARTUP = postgresql(b"", (196608).to_bytes(4, "big") + b"user\0me\0\0")
TLS = postgresql(b"", (80877103).to_bytes(4, "big"))
STREAMS = {
    "simple": (PostgresqlReader, [(STARTUP, 0), (postgresql(b"Q", b"COMMIT\0"), 1), (postgresql(b"X", b""), 0)]),
    "tls": (PostgresqlReader, [(TLS, 0), (STARTUP, 0), (postgresql(b"Q", b" commit ;\0"), 1)]),
    "no-commit": (
        PostgresqlReader,
        [(STARTUP, 0), (postgresql(b"Q", b"SELECT 'COMMIT'\0"), 0), (postgresql(b"Q", b"COMMIT PREPARED 'x'\0"), 0)],
    ),
    "extended": (
        PostgresqlReader,
        [
            (STARTUP, 0),
            (postgresql(b"P", b"\0COMMIT\0\0\0"), 0),
            (postgresql(b"B", b"\0\0\0\0\0\0\0\0"), 0),
            (postgresql(b"E", b"\0\0\0\0\0"), 1),
            (postgresql(b"S", b""), 0),
            (postgresql(b"P", b"\0SELECT 1\0\0\0"), 0),
            (postgresql(b"B", b"\0\0\0\0\0\0\0\0"), 0),
            (postgresql(b"E", b"\0\0\0\0\0"), 0),
        ],
    ),
    "prepared": (
        PostgresqlReader,
        [
            (STARTUP, 0),
            (postgresql(b"P", b"one\0COMMIT\0\0\0"), 0),
            (postgresql(b"P", b"two\0SELECT 1\0\0\0"), 0),
            (postgresql(b"B", b"\0one\0\0\0\0\0\0\0"), 0),
            (postgresql(b"E", b"\0\0\0\0\0"), 1),
            (postgresql(b"B", b"\0two\0\0\0\0\0\0\0"), 0),
            (postgresql(b"E", b"\0\0\0\0\0"), 0),
            (postgresql(b"C", b"Sone\0"), 0),
            (postgresql(b"B", b"\0one\0\0\0\0\0\0\0"), 0),
            (postgresql(b"E", b"\0\0\0\0\0"), 0),
        ],
    ),
    "mysql": (
        MysqlReader,
        [
            (mysql(b"\x03COMMIT", 1), 0),  # part of the login, whatever it looks like
            (mysql(b"\x03COMMIT"), 1),
            (mysql(b"\x03commit;"), 1),
            (mysql(b"\x03SELECT 'COMMIT'"), 0),
            (mysql(b"\x16COMMIT"), 0),
            (mysql(b"\x01"), 0),
        ],
    ),
}


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("stream", STREAMS)
def test_reads_messages(stream: str, piece: int) -> None:
    reader_type, expected = STREAMS[stream]
    data = b"".join(message for message, _ in expected)
    reader = reader_type()
    read = [found for start in range(0, len(data), piece) for found in reader.messages(data[start : start + piece])]
    assert read == [(message, bool(commits)) for message, commits in expected]
