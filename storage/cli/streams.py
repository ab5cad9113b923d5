"""Standard output and error, whatever they are: of any encoding, closed, a pipe that nobody reads, a full disk."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TextIO, cast

CLOSED_PIPE = 141
"""The exit code after output into a closed pipe: what a shell says of a program that SIGPIPE ended."""

INTERRUPTED = 130
"""The exit code after Ctrl-C: what a shell says of a program that SIGINT ended."""

_PLAIN = "trialstore-plain"
_PLAIN_FORMS = {
    **dict.fromkeys("‐‑‒–—―−─━╴╶╸╺", "-"),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("µμ", "u"),
    "…": "...",
    "×": "x",
    "█": "#",
    "•": "*",
}
_NOBODY_READS = frozenset({errno.EPIPE, errno.ESHUTDOWN})


def _plain_form(error: UnicodeError) -> tuple[str, int]:
    """What is written for characters that an encoding lacks: a plain one of that meaning, else the escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN_FORMS.get(char) or ascii(char)[1:-1] for char in lacking), error.end


codecs.register_error(_PLAIN, _plain_form)


def fitted(text: str, encoding: str | None) -> str:
    """The text as a stream of that encoding will show it, so that its width is known before."""
    if text.isascii():
        return text
    try:
        return text.encode(encoding or "utf-8", _PLAIN).decode(encoding or "utf-8")
    except LookupError:
        return text.encode("ascii", _PLAIN).decode("ascii")


class OutputFailed(Exception):
    """Standard output takes no more."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason.strerror or str(reason))
        self.nobody_reads = reason.errno in _NOBODY_READS


class _Stream(io.TextIOBase):
    """A standard stream. Once output has failed, each call raises OutputFailed, even if the first one was caught. It is
    not an OSError, so that no other code takes it for an error of its own. If standard error fails (`vital` is false),
    nothing is raised, and its output is dropped."""

    def __init__(self, stream: TextIO, *, vital: bool) -> None:
        self._stream = stream
        self._vital = vital
        self._failure: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream."""
        return self._stream.encoding or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """How characters that it lacks are written."""
        return self._stream.errors

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The number of the open file. Raises OSError where it has none."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it takes text: yes."""
        return True

    def write(self, text: str) -> int:
        """Write text."""
        if text != "":  # click probes a stream by writing nothing (or b""), which /dev/full refuses
            self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._try(self._stream.flush)

    def close(self) -> None:
        """Nothing: the stream is not ours. Python calls this for what is forgotten, maybe when the stream is closed."""

    def _try(self, output: Callable[[], object]) -> None:
        if self._failure is None:
            try:
                output()
            except OSError as exc:
                self._failure = exc
                self._give_up()
        if self._failure is not None and self._vital:
            raise OutputFailed(self._failure) from None

    def _give_up(self) -> None:
        """Redirect the stream to the null device, so that its buffer cannot fail again when the interpreter ends."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                os.dup2(nowhere, self._stream.fileno())
            finally:
                os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Within, standard output and error take any text, also where they are closed; see `_Stream` for failures."""
    before = (sys.stdout, sys.stderr)
    _open_closed_ones()
    changed = [_take_any_text(stream) for stream in (sys.stdout, sys.stderr)]
    sys.stdout = cast("TextIO", _Stream(sys.stdout, vital=True))
    sys.stderr = cast("TextIO", _Stream(sys.stderr, vital=False))
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
        for stream, errors in filter(None, changed):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)


def _open_closed_ones() -> None:
    """Open standard streams that were closed (`>&-`): otherwise the next file or socket would take their numbers."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # As long as the program runs.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _take_any_text(stream: Any) -> tuple[Any, str] | None:
    """Let a stream write a plain form of what its encoding lacks; the stream and how it was, if that can be changed."""
    errors = getattr(stream, "errors", None)
    if not hasattr(stream, "reconfigure") or errors is None:
        return None
    stream.reconfigure(errors=_PLAIN)
    return stream, errors


def terminal_width(stream: IO[str]) -> int:
    """The columns of a terminal: as COLUMNS says, else as the terminal does; 80 where neither is known."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return max(int(columns), _LEAST_WIDTH)
    with suppress(OSError, ValueError):
        return max(os.get_terminal_size(stream.fileno()).columns or _USUAL_WIDTH, _LEAST_WIDTH)
    return _USUAL_WIDTH


_USUAL_WIDTH = 80
_LEAST_WIDTH = 10
