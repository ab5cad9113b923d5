"""Tests by hypothesis do not depend on how fast the machine is, or what else it does."""

from __future__ import annotations

import re
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
PLUGIN = TESTS / "contract" / "plugin.py"


@settings(max_examples=1)
@given(seconds=st.just(0.3))
def test_an_example_may_take_long(seconds: float) -> None:
    time.sleep(seconds)
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check


def test_no_settings_of_a_test_bring_time_limits_back() -> None:
    found = [file for file in sorted(TESTS.rglob("*.py")) if file not in (PLUGIN, Path(__file__))]
    sources = {file.relative_to(TESTS): file.read_text(encoding="utf-8") for file in found}
    timed = [str(file) for file, source in sources.items() if re.search(r"\bdeadline=\S*[1-9]", source)]
    lists = re.compile(r"suppress_health_check=\[(?![^]]*too_slow)")
    assert [*timed, *(str(file) for file, source in sources.items() if lists.search(source))] == []
