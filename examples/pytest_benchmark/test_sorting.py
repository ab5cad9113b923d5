"""Benchmarks as anybody writes them; `conftest.py` stores them."""

from __future__ import annotations

import heapq
import random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("order", ["random", "ascending"])
@pytest.mark.parametrize("size", [1_000, 10_000])
def test_sorted(benchmark: BenchmarkFixture, size: int, order: str) -> None:
    values = list(range(size)) if order == "ascending" else random.Random(1).sample(range(size), size)
    benchmark(sorted, values)


def test_heapify(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: heapq.heapify(list(range(10_000, 0, -1))))
