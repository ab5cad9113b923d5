"""Rows of SQLite by columns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .columns import Columns

_WITHOUT_DIGITS = dict.fromkeys(map(ord, "0123456789"))


class SQLiteColumns(Columns):
    """Times are texts, which NumPy and Arrow read at once."""

    def numpy_times(self, values: Sequence[Any]) -> Any:
        import numpy as np

        # NumPy reads other texts than Python does: it is for those that encode_ts makes.
        texts = [value for value in values if value is not None]
        with suppress(ValueError, TypeError):  # no times, or no texts
            if "".join(texts).translate(_WITHOUT_DIGITS) == "-- ::." * len(texts):
                return np.array(values, dtype="datetime64[us]")
        return super().numpy_times(values)

    def arrow_times(self, values: Sequence[Any]) -> Any:
        import pyarrow as pa

        try:
            return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # what Python reads as a time, and Arrow does not, or no time
            return super().arrow_times(values)
