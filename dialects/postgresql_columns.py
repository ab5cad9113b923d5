"""Rows of PostgreSQL by columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .columns import Columns


class PostgreSQLColumns(Columns):
    """Times have the zone of the session, which is UTC as long as nobody sets another."""

    def numpy_times(self, values: Sequence[Any]) -> Any:
        import numpy as np

        zones = {value.tzinfo for value in values if value is not None}
        if all(str(zone) == "UTC" for zone in zones):  # as session_settings asks for
            naive = [None if value is None else value.replace(tzinfo=None) for value in values]
            return np.array(naive, dtype="datetime64[us]")
        return super().numpy_times(values)
