"""Reading in a stream: what one transaction reads is handed out piece by piece."""

from __future__ import annotations

import itertools
import pickle
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from typing import IO, Any, TypeVar

from trialstore.dialects.errors import ErrorKind, QueryError
from trialstore.sql.session import Session

from .checkout import Checkout
from .connections import Database

_T = TypeVar("_T")
_WITHOUT_A_FILE = 1 << 18
"""Bytes that are kept in memory instead of a temporary file."""


def stream(database: Database, produce: Callable[[Session], Generator[_T, None, None]]) -> Generator[_T, None, None]:
    """What `produce` yields, all from one snapshot; connection and transaction are kept until the end.

    That is when the last item was taken, when the generator is closed, or when it is garbage-collected. Until there is
    a first item, transient errors are retried as in `Database.read`; after that they are raised, because items that
    were handed out cannot be taken back. Other calls can be made meanwhile, also by the thread that reads: where the
    database would make them wait for the end, all items are read first, into a temporary file.
    """
    if database.dialect.streams_whole():
        count, file = database.read(lambda session: _kept(produce(session)))
        with file:
            for _ in range(count):
                yield pickle.load(file)  # noqa: S301 - what was written below
        return

    checkouts: list[Checkout] = []

    def start() -> tuple[ExitStack, Session, Generator[_T, None, None], list[_T]]:
        with ExitStack() as opening:
            checkouts[:] = [database.session(for_stream=True)]
            session = opening.enter_context(checkouts[0])
            session.begin(write=False)
            items = produce(session)
            opening.callback(items.close)  # before the session ends
            first = list(itertools.islice(items, 1))
            return opening.pop_all(), session, items, first

    try:
        opened, session, items, first = database.retry(start)
        with opened:
            while first:
                yield first.pop()
            yield from items
            session.end_read()
    finally:
        for checkout in checkouts:
            checkout.close()  # an interrupt may come between the others' beginning and end


def _kept(items: Generator[Any, None, None]) -> tuple[int, IO[bytes]]:
    """How many items there are, and the file that holds them, which has no name and is gone when it is closed."""
    file: Any = tempfile.SpooledTemporaryFile(_WITHOUT_A_FILE)  # noqa: SIM115 - the caller reads it
    try:
        count = 0
        with closing(items):  # before the session ends
            for item in items:
                pickle.dump(item, file)
                count += 1
        file.seek(0)
    except BaseException as exc:
        file.close()
        if isinstance(exc, OSError):
            what = f"A temporary file for what is read cannot be written ({exc.strerror or type(exc).__name__})."
            raise QueryError(what, "Make room there, or name another folder by TMPDIR.", ErrorKind.OTHER) from None
        raise
    return count, file
