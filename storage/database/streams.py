"""Reading in a stream: what one transaction reads is handed out piece by piece."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import TypeVar

from trialstore.sql.session import Session

from .checkout import Checkout
from .connections import Database

_T = TypeVar("_T")


def stream(database: Database, produce: Callable[[Session], Generator[_T, None, None]]) -> Generator[_T, None, None]:
    """What `produce` yields, all from one snapshot; connection and transaction are kept until the end.

    That is when the last item was taken, when the generator is closed, or when nobody has it any more. Until there is
    a first item, passing errors are retried as in `Database.read`; after that they are raised, for what was handed out
    cannot be taken back. Other calls can be made meanwhile, also by the thread that reads: where the database would let
    them wait for the end, all items are read first.
    """
    if database.dialect.streams_whole():
        yield from database.read(lambda session: list(produce(session)))
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
