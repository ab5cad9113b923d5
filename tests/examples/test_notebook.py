"""The session of docs/notebook.md, and what a browser shows of it."""

from __future__ import annotations

import ast
import html
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from servers.binaries import need_program
from servers.errors import ServerMissing
from servers.registry import unavailable
from trialstore.contract.helpers import at, finish, make_experiment
from trialstore.storage import SqlStorage

pytestmark = pytest.mark.engine("sqlite")
PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"
RUNS = "<script>window.ran = true</script><img src='x' onerror='window.ran = true'>"
"""Text that a page which takes it for HTML runs."""
STYLE = """
body { font: 14px system-ui, sans-serif; margin: 24px; }
pre { background: #f5f5f5; border: 1px solid #e0e0e0; padding: 8px; font-size: 13px; }
table { border-collapse: collapse; border: none; font-size: 12px; margin: 8px 0; }
td, th { text-align: right; padding: 0.5em; border: none; }
tbody tr:nth-child(odd) { background: #f5f5f5; }
thead { border-bottom: 1px solid #bdbdbd; }
"""
"""Much as notebooks show tables: cells are aligned to the right unless they say otherwise."""
LOOK = """
<script>
addEventListener("load", () => {
    const seen = [...document.querySelectorAll("table")].map(table => ({
        cells: [...table.querySelectorAll("th, td")].map(cell => cell.innerText),
        caption: table.caption ? table.caption.innerText : null,
        width: table.getBoundingClientRect().width,
        height: table.getBoundingClientRect().height,
        align: [...table.querySelectorAll("td")].map(cell => getComputedStyle(cell).textAlign),
    }))
    const found = { seen, ran: Boolean(window.ran), images: document.images.length }
    document.body.setAttribute("data-found", JSON.stringify(found))
})
</script>
"""


class Seen(NamedTuple):
    """What a browser says of a page."""

    tables: list[dict[str, Any]]
    ran: bool
    images: int
    console: list[str]


def output_of(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does: the value of the expression at its end."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102 - a cell of our own page
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307 - as above


def page_of(cells: list[tuple[str, Any]]) -> str:
    """A page of cells with their outputs, those with `_repr_html_` by it."""
    parts = []
    for source, value in cells:
        parts.append(f"<pre>{html.escape(source)}</pre>")
        if value is not None:
            parts.append(value._repr_html_())
    return f"<!doctype html><meta charset='utf-8'><style>{STYLE}</style>{LOOK}<body>{''.join(parts)}</body>"


def browse(page: str, folder: Path) -> Seen:
    """Open a page in Chromium without a window. Keeps a picture of it in the folder."""
    try:
        program = need_program("chromium", "chromium")
    except ServerMissing as error:
        unavailable("chromium", error)
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    options = [
        *("--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        *(f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--virtual-time-budget=10000"),
    ]
    environment = {**os.environ, "HOME": str(folder)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [program, *options, *more, file.as_uri()]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=300)

    done = run("--dump-dom")
    run(f"--screenshot={folder / 'page.png'}", "--window-size=1000,2300")
    (found,) = re.findall(r'data-found="(.*?)"', done.stdout, re.DOTALL)
    known = json.loads(html.unescape(found))
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(known["seen"], known["ran"], known["images"], console)


def session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The cells of the page, with their values."""
    pytest.importorskip("polars", reason="polars is not installed (extra `examples`)")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `arrow`)")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [(block, output_of(block, names)) for block in blocks]


def test_a_browser_shows_each_thing_of_the_session_as_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = session(tmp_path, monkeypatch)
    shown = [value for _, value in cells if value is not None]
    assert [type(value).__name__ for value in shown] == [
        *("SqlStorage", "SqlExperimentData", "SqlTrialData", "SqlTunableConfigData", "DataFrame", "DataFrame"),
        "DataFrame",
    ]
    seen = browse(page_of(cells), tmp_path)
    assert seen.console == []
    assert [table["caption"] for table in seen.tables if table["caption"]] == [
        repr(shown[0]),
        "Experiment sort-100k",
        "Trial 5 of sort-100k",
        "Config",
        "Results",
        repr(shown[3]),
    ]
    assert all(table["width"] > 50 and table["height"] > 30 for table in seen.tables)
    overview, experiment, trial, config, results, alone, frame, _, polars = seen.tables
    assert {"sort-100k", "6", "5", "seconds (min)", "0.79"} <= set(overview["cells"])
    assert "1 PENDING, 5 SUCCEEDED" in experiment["cells"]
    assert "SUCCEEDED" in trial["cells"]
    assert config["cells"] == alone["cells"] == ["parameter", "value", "algorithm", "'radix'", "threads", "8"]
    assert results["cells"] == ["metric", "value", "rss_mb", "300", "seconds", "0.79"]
    assert len(frame["cells"]) == 8 + 6 * 8  # with a column for its index
    assert polars["cells"][-6:] == ['"radix"', "0.79", "4", '"merge"', "1.31", "2"]
    assert overview["align"] == ["left", "right", "right", "left", "right", "left", "left"]
    assert all(set(table["align"]) == {"left"} for table in seen.tables[1:6])
    shown[0].dispose()


def test_stored_text_is_shown_and_does_not_run(tmp_path: Path) -> None:
    with SqlStorage({"drivername": "sqlite", "database": str(tmp_path / "x.sqlite")}) as storage:
        targets: dict[str, Any] = {RUNS: "min"}
        with make_experiment(storage, RUNS, description=RUNS, tunables={RUNS: RUNS}, opt_targets=targets) as experiment:
            finish(experiment.new_trial({}, ts_start=at(0), config={RUNS: RUNS}), **{RUNS: RUNS})
        data = storage.experiments[RUNS]
        things = [storage, data, data.trials[1], data.trials[1].tunable_config]
        seen = browse(page_of([("", thing) for thing in things]), tmp_path)
    assert (seen.ran, seen.images, seen.console) == (False, 0, [])
    assert len(seen.tables) == 6
    assert all(RUNS in " ".join([*table["cells"], table["caption"]]) for table in seen.tables[:5])


def test_the_browser_tells_of_what_runs_and_fails(tmp_path: Path) -> None:
    class Careless:
        def _repr_html_(self) -> str:
            return f"<table><caption>{RUNS}</caption><tr><td>a</td></tr></table><script>nowhere()</script>"

    seen = browse(page_of([("", Careless())]), tmp_path)
    assert (seen.ran, seen.images) == (True, 1)
    assert any("nowhere is not defined" in line for line in seen.console)
