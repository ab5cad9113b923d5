"""The demo: its search, its workload and its plots, each on its own."""

from __future__ import annotations

import argparse
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from trialstore.dialects.errors import StorageError
from trialstore.storage.demo import sampler as sampler_module
from trialstore.storage.demo.calibrate import LEAST_FILES, calibrate
from trialstore.storage.demo.corpus import Corpus, find_sources, read_corpus
from trialstore.storage.demo.interrupt import Stopped, StopRequest
from trialstore.storage.demo.plot import Curve, print_plot, save_plot
from trialstore.storage.demo.sampler import Sampler
from trialstore.storage.demo.search import RANDOM_CONFIGS, WEIGHTS, Search, cost, neighbours
from trialstore.storage.demo.settings import (
    DEFAULTS,
    Config,
    SettingRefused,
    Value,
    allowed_values,
    apply_config,
    check_config,
)
from trialstore.storage.demo.workload import Measured, WorkloadFailed, percentile, run_workload

SETTINGS = [(name, value) for name, values in allowed_values().items() for value in values]

durations = st.floats(0.001, 1000)
some_scores = st.one_of(
    st.none(), st.fixed_dictionaries({"elapsed_s": durations, "p95_query_ms": durations, "other": durations})
)
seeds = st.integers(0, 1000)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A small folder of sources in place of Python's."""
    folder = tmp_path / "library"
    (folder / "package").mkdir(parents=True)
    for number in range(12):
        lines = [f"def function_{number}_{line}(value):  # line {line}" for line in range(40)]
        (folder / "package" / f"module_{number}.py").write_text("\n".join([*lines, "value", "return"]))
    return folder


@pytest.fixture
def corpus(library: Path) -> Corpus:
    return read_corpus(find_sources(library))


def run(corpus: Corpus, folder: Path, config: Config | None = None, **more: Any) -> Measured:
    folder.mkdir(exist_ok=True)
    return run_workload(corpus, config or DEFAULTS, folder, sampler=more.pop("sampler", Sampler()), **more)


# --- search -----------------------------------------------------------------------------------------------------------


@given(seeds)
def test_the_default_config_is_proposed_first_whatever_the_seed(seed: int) -> None:
    assert Search(seed).propose().config == DEFAULTS


@given(seeds, st.lists(some_scores, min_size=1, max_size=25))
def test_every_proposal_is_a_valid_config_that_was_not_tried_before(
    seed: int, history: list[dict[str, float] | None]
) -> None:
    search = Search(seed)
    tried: list[Config] = []
    for scored in history:
        config = search.propose().config
        check_config(config)
        assert config not in tried
        tried.append(config)
        search.observe(config, scored)


@given(seeds, st.lists(some_scores, min_size=1, max_size=15))
def test_a_search_restored_from_stored_trials_goes_on_like_the_one_that_ran_them(
    seed: int, history: list[dict[str, float] | None]
) -> None:
    first, trials = Search(seed), []
    for scored in history:
        trials.append((first.propose().config, scored))
        first.observe(*trials[-1])
    restored = Search(seed)
    for config, scored in trials:
        restored.observe(config, scored)
    assert restored.propose() == first.propose()


def test_after_the_random_configs_the_search_moves_to_neighbours_of_the_best() -> None:
    search = Search(seed=3)
    for number in range(1 + RANDOM_CONFIGS):
        proposal = search.propose()
        assert proposal.origin == ("default" if number == 0 else "random")
        search.observe(proposal.config, {"elapsed_s": 10.0 - number, "p95_query_ms": 10.0 - number})
    best = search.best()
    assert best == proposal.config
    for _attempt in range(5):
        proposal = search.propose()
        if proposal.origin == "neighbour":
            assert proposal.config in neighbours(best)
        search.plan(proposal.config)
    assert search.configs == 1 + RANDOM_CONFIGS + 5


@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in allowed_values().items()}))
def test_a_neighbour_is_valid_and_differs_in_one_setting_by_one_step(config: Config) -> None:
    for other in neighbours(config):
        check_config(other)
        changed = [name for name in config if config[name] != other[name]]
        assert len(changed) == 1
        values = allowed_values()[changed[0]]
        assert abs(values.index(config[changed[0]]) - values.index(other[changed[0]])) == 1


def test_a_config_whose_trials_failed_is_never_the_best_and_is_not_tried_again() -> None:
    search = Search()
    search.observe(DEFAULTS, {"elapsed_s": 5.0, "p95_query_ms": 5.0})
    failing = {**DEFAULTS, "page_size": 8192}
    search.observe(failing, None)
    assert search.best() == DEFAULTS
    assert all(search.propose().config != failing for _attempt in range(10))


def test_a_config_is_judged_by_the_median_of_its_repeats() -> None:
    search, other = Search(), {**DEFAULTS, "page_size": 8192}
    for seconds in (1.0, 1.0, 90.0):
        search.observe(other, {"elapsed_s": seconds, "p95_query_ms": 1.0})
        search.observe(DEFAULTS, {"elapsed_s": 2.0, "p95_query_ms": 1.0})
    assert search.best() == other


def test_what_others_stored_and_cannot_be_tried_here_is_left_aside() -> None:
    search = Search()
    search.observe({**DEFAULTS, "page_size": 4097}, {"elapsed_s": 0.1, "p95_query_ms": 0.1})
    search.observe({"threads": 4}, {"elapsed_s": 0.1, "p95_query_ms": 0.1})
    assert search.configs == 0


def test_when_all_but_everything_was_tried_the_best_is_measured_again() -> None:
    search = Search()
    remaining: list[Config] = [{}]
    for name, values in allowed_values().items():
        remaining = [{**config, name: value} for config in remaining for value in values]
    for config in remaining:
        search.observe(config, {"elapsed_s": 1.0 if config["page_size"] == 8192 else 2.0, "p95_query_ms": 1.0})
    proposal = search.propose()
    assert proposal.origin == "again"
    assert proposal.config["page_size"] == 8192


@given(durations, durations, st.floats(0.1, 10))
def test_the_cost_is_1_for_the_default_and_grows_with_the_medians(elapsed: float, p95: float, factor: float) -> None:
    default = {"elapsed_s": elapsed, "p95_query_ms": p95}
    assert cost(default, default) == pytest.approx(1)
    assert cost({name: value * factor for name, value in default.items()}, default) == pytest.approx(factor)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


# --- settings ---------------------------------------------------------------------------------------------------------


def test_every_setting_has_its_default_among_several_allowed_values() -> None:
    assert list(allowed_values()) == list(DEFAULTS)
    assert all(DEFAULTS[name] in values and len(values) > 1 for name, values in allowed_values().items())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({**DEFAULTS, "page_sise": 4096}, "page_size"),
        ({**DEFAULTS, "page_size": 4097}, "4096"),
        ({name: value for name, value in DEFAULTS.items() if name != "mmap_size"}, "mmap_size"),
        ({**DEFAULTS, "journal_mode": "wal; x"}, "persist"),
    ],
)
def test_a_config_that_is_not_allowed_is_refused_with_what_is(wrong: Config, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        check_config(wrong)


def test_a_setting_that_the_engine_does_not_take_is_an_error_and_no_measurement() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(SettingRefused, match="journal_mode = memory instead of wal"):
        apply_config(connection, {**DEFAULTS, "journal_mode": "wal"})
    connection.close()


# --- corpus and workload ----------------------------------------------------------------------------------------------


def test_the_corpus_is_made_of_this_pythons_own_sources() -> None:
    sources = find_sources()
    assert Path(argparse.__file__).name in {path.name for path in sources}
    assert not [path for path in sources if {"site-packages", "__pycache__"} & set(path.parts[-3:])]
    assert find_sources() == sources


def test_folders_that_are_not_the_librarys_are_left_out(library: Path) -> None:
    for name in ("site-packages", "test", "__pycache__"):
        (library / name).mkdir()
        (library / name / "other.py").write_text("x = 1")
    assert {path.parent.name for path in find_sources(library)} == {"package"}


def test_a_library_without_sources_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Run the demo with a Python that has them"):
        find_sources(tmp_path)


def test_the_fingerprint_changes_with_the_contents_of_a_file(library: Path, corpus: Corpus) -> None:
    assert read_corpus(find_sources(library)).fingerprint == corpus.fingerprint
    (library / "package" / "module_3.py").write_text("changed = True")
    assert read_corpus(find_sources(library)).fingerprint != corpus.fingerprint


@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=str)
def test_the_workload_runs_with_every_setting_and_gets_the_same_answer(
    name: str, value: Value, corpus: Corpus, tmp_path: Path
) -> None:
    expected = run(corpus, tmp_path / "default")
    measured = run(corpus, tmp_path / "tuned", {**DEFAULTS, name: value})
    assert measured.answer == expected.answer
    assert measured.metrics.keys() == expected.metrics.keys()
    assert all(metric >= 0 for metric in measured.metrics.values())
    phases = [
        seconds for metric, seconds in measured.metrics.items() if metric.endswith("_s") and metric != "elapsed_s"
    ]
    assert measured.metrics["elapsed_s"] == pytest.approx(sum(phases), abs=1e-4)


def test_the_database_has_the_page_size_that_was_asked_for(corpus: Corpus, tmp_path: Path) -> None:
    run(corpus, tmp_path / "run", {**DEFAULTS, "page_size": 16384})
    header = (tmp_path / "run" / "workload.sqlite").read_bytes()[:18]
    assert int.from_bytes(header[16:18], "big") == 16384


def test_the_answer_depends_on_the_corpus(library: Path, corpus: Corpus, tmp_path: Path) -> None:
    first = run(corpus, tmp_path / "first")
    (library / "package" / "module_3.py").write_text("entirely = different")
    changed = read_corpus(find_sources(library))
    assert run(changed, tmp_path / "second").answer != first.answer


def test_the_database_holds_every_line_of_the_corpus_and_the_edits(corpus: Corpus, tmp_path: Path) -> None:
    run(corpus, tmp_path / "run")
    connection = sqlite3.connect(tmp_path / "run" / "workload.sqlite")
    lines = connection.execute("SELECT count(*), sum(content LIKE '%# edited') FROM source_line").fetchone()
    connection.close()
    assert lines[0] == corpus.lines
    assert 0 < lines[1] < corpus.lines


def test_a_database_that_lost_rows_is_an_error_and_no_measurement(corpus: Corpus, tmp_path: Path) -> None:
    def lose_rows() -> None:
        connection = sqlite3.connect(tmp_path / "run" / "workload.sqlite")
        with connection:
            connection.execute("DELETE FROM source_line WHERE line_no > 20")
        connection.close()

    with pytest.raises(WorkloadFailed, match="instead of"):
        run(corpus, tmp_path / "run", between=lose_rows)


def test_a_run_can_be_broken_off_between_steps(corpus: Corpus, tmp_path: Path) -> None:
    stop = StopRequest()
    stop.requested = True
    with pytest.raises(Stopped):
        run(corpus, tmp_path / "run", keep_going=stop.check)


def test_telemetry_is_sampled_in_every_phase_in_order_of_time(corpus: Corpus, tmp_path: Path) -> None:
    sampler = Sampler(interval_s=0)
    run(corpus, tmp_path / "run", sampler=sampler)
    points = sampler.drain()
    assert [moment for moment, _, _ in points] == sorted(moment for moment, _, _ in points)
    assert len({(moment, metric) for moment, metric, _ in points}) == len(points)
    assert {value for _, metric, value in points if metric == "phase"} == {"ingest", "index", "query", "edit"}
    assert {"rows_per_s", "db_mb", "journal_mb"} <= {metric for _, metric, _ in points}
    sizes = [float(value) for _, metric, value in points if metric == "db_mb"]
    assert sizes[-1] * 1e6 == (tmp_path / "run" / "workload.sqlite").stat().st_size
    assert sampler.drain() == []


def test_the_log_of_a_write_ahead_run_shows_in_its_telemetry(corpus: Corpus, tmp_path: Path) -> None:
    sampler = Sampler(interval_s=0)
    run(corpus, tmp_path / "run", {**DEFAULTS, "journal_mode": "wal"}, sampler=sampler)
    assert max(float(value) for _, metric, value in sampler.drain() if metric == "journal_mb") > 0


def test_where_the_kernel_does_not_tell_the_memory_it_is_left_out(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_module, "_STATM", tmp_path / "none")
    sampler = Sampler()
    run(corpus, tmp_path / "run", sampler=sampler)
    metrics = {metric for _, metric, _ in sampler.drain()}
    assert "rss_mb" not in metrics
    assert "db_mb" in metrics


def test_a_longer_time_gives_a_workload_of_no_fewer_files(library: Path) -> None:
    sources = find_sources(library)
    assert calibrate(sources, 1e-9, lambda: None) == LEAST_FILES
    assert calibrate(sources, 1e9, lambda: None) == len(sources)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1))
def test_a_percentile_is_the_least_value_that_covers_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    covered = sum(value <= found for value in values)
    assert covered >= share * len(values)
    below = sum(value < found for value in values)
    assert below < max(share * len(values), 1)


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


# --- plots ------------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(1, 100), durations, max_size=30))
def test_the_best_so_far_never_rises_and_each_record_is_a_trial_of_its_own(values: dict[int, float]) -> None:
    curve = Curve("elapsed_s", values, frozenset())
    best = [value for _, value in curve.best_so_far()]
    assert best == sorted(best, reverse=True)
    assert [trial for trial, _ in curve.best_so_far()] == sorted(values)
    records = curve.records()
    assert all(values[trial] == value for trial, value in records)
    assert not values or records[-1][1] == min(values.values())


def test_the_plot_is_a_picture_that_shows_all_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot needs the extra 'plot'")
    curves = [Curve(metric, {1: 3.0, 2: 2.0, 4: 2.5}, frozenset({1})) for metric in WEIGHTS]
    save_plot(tmp_path / "plot.png", "title", curves)
    picture = (tmp_path / "plot.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    save_plot(tmp_path / "plot.svg", "title", curves)
    assert "<svg" in (tmp_path / "plot.svg").read_text(encoding="utf-8")


def test_without_a_picture_the_records_are_drawn_as_bars() -> None:
    stream = io.StringIO()
    print_plot(Console(file=stream, width=100), Curve("elapsed_s", {1: 4.0, 2: 5.0, 3: 1.0}, frozenset({1})))
    lines = stream.getvalue().splitlines()
    assert "elapsed_s" in lines[0]
    assert [line.split()[1] for line in lines[1:3]] == ["1", "3"]
    assert lines[1].count("█") == 4 * lines[2].count("█")
