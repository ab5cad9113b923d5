"""`trialstore plot`: telemetry in the terminal, or as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from click.testing import Result

from command_tree import invoke
from trialstore.contract.helpers import T0, at, make_experiment
from trialstore.storage import SqlStorage, Status
from trialstore.storage.demo import plot


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database whose first trial has a sine, an odd name, text and a single number; the second has nothing."""
    path = tmp_path / "data.sqlite"
    with SqlStorage({"drivername": "sqlite", "database": str(path)}) as storage, make_experiment(storage) as experiment:
        points = [(at(second), "sine", math.sin(second / 50)) for second in range(1_000)]
        points[500] = (at(500), "sine", 7.5)
        points += [
            (at(1), "odd \x1b[31m $x$", 1.0),
            (at(2), "odd \x1b[31m $x$", 1e308),
            (at(3), "odd \x1b[31m $x$", -1e308),
        ]
        experiment.new_trial({}).update_telemetry(
            Status.RUNNING, T0, [*points, (at(3), "log", "begun"), (at(4), "one", 3)]
        )
        experiment.new_trial({})
    return f"sqlite:///{path}"


def call(*arguments: str) -> Result:
    return invoke(list(arguments))


def ok(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


def test_all_metrics_are_drawn_with_their_extremes_and_times(url: str) -> None:
    output = ok("plot", "Exp", "--trial", "1", "--url", url)
    assert "sine: 1000 points, -1 to 7.5" in output
    assert "log: 1 points, no numbers" in output
    assert "one: 1 points, 3 to 3" in output
    assert "odd \\x1b[31m $x$: 3 points" in output
    assert "2025-03-01 08:00:00 to 2025-03-01 08:16:39 UTC" in output
    assert "\x1b" not in output


def test_a_peak_of_one_point_is_seen(url: str) -> None:
    lines = ok("plot", "Exp", "--trial", "1", "--metric", "sine", "--url", url).splitlines()
    top = next(line for line in lines if line.lstrip().startswith("7.5 |"))
    assert top.count("█") == 1


def test_metrics_and_times_are_chosen(url: str) -> None:
    words = ("--metric", "sine", "--since", "2025-03-01T08:01:40.123456", "--until", "2025-03-01T10:05:00.123456+02:00")
    output = ok("plot", "Exp", "--trial", "1", *words, "--url", url)
    assert "sine: 200 points" in output
    assert "one" not in output


def test_a_picture_is_written_to_a_file(url: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "plot.png"
    assert ok("plot", "Exp", "--trial", "1", "-o", str(file), "--url", url) == f"Wrote {file}\n"
    assert file.read_bytes().startswith(b"\x89PNG")
    for bad in ("missing/plot.png", "plot.xyz"):
        result = call("plot", "Exp", "--trial", "1", "-o", str(tmp_path / bad), "--url", url)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "cannot be written" in result.stderr


def test_a_picture_without_matplotlib_is_refused_with_the_extra(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "can_draw", lambda: False)
    result = call("plot", "Exp", "--trial", "1", "-o", "x.png", "--url", url)
    assert result.exit_code == 1
    assert "trialstore[plot]" in result.stderr


def test_what_is_not_there_is_named(url: str) -> None:
    assert ok("plot", "Exp", "--trial", "2", "--url", url) == "There is no telemetry to draw.\n"
    for words, text in (
        (("Exp", "--trial", "9"), "no trial 9"),
        (("Ex", "--trial", "1"), "no experiment 'Ex'"),
        (("Exp", "--trial", "1", "--metric", "sin"), "'sine'"),
    ):
        result = call("plot", *words, "--url", url)
        assert result.exit_code == 1
        assert text in result.stderr
    assert call("plot", "Exp", "--trial", "1", "--since", "noon", "--url", url).exit_code == 2
    assert call("plot", "Exp", "--url", url).exit_code == 2
