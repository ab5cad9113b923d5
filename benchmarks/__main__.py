"""The command: `python -m benchmarks [ENGINE…]`."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from . import many, operations, peers, report
from .comparing import compare, flat, honesty
from .databases import ENGINES, Databases, ServerMissing, databases_of
from .measuring import Measured
from .operations import Sizes


@click.command()
@click.argument("engines", nargs=-1, type=click.Choice(ENGINES))
@click.option("--quick", is_flag=True, help="Small sizes and few rounds: does it run at all?")
@click.option("--large", is_flag=True, help="1,000,000 trials, and 1,000,000 points, too. Takes long.")
@click.option("--flat", "with_flat", is_flag=True, help="Also: what calls cost in larger experiments; memory.")
@click.option("--throughput", "with_throughput", is_flag=True, help="Also: trials a second of many processes.")
@click.option("--only", is_flag=True, help="Only what --flat and --throughput add.")
@click.option(
    "--peers/--no-peers", "with_peers", default=True, help="Measure other libraries where they are installed."
)
@click.option("--optuna-python", default=sys.executable, help="An interpreter that has Optuna.")
@click.option("--mlos-python", default=sys.executable, help="An interpreter that has mlos-bench.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path(".benchmarks"), help="Folder of what is written."
)
@click.option("--check", is_flag=True, help="Exit with 1 if a call costs more than it may.")
def main(
    engines: tuple[str, ...],
    quick: bool,
    large: bool,
    with_flat: bool,
    with_throughput: bool,
    only: bool,
    with_peers: bool,
    optuna_python: str,
    mlos_python: str,
    output: Path,
    check: bool,
) -> None:
    """Measure the library beside the bare driver, on the ENGINES named, or on all of them.

    Prints tables, and writes bench.json, ratios.png and throughput.png.
    """
    # Ended by a signal it still ends its processes and removes its files.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(143))
    sizes = operations.QUICK if quick else operations.LARGE if large else Sizes()
    pythons = {"optuna": optuna_python, "mlos_bench": mlos_python} if with_peers else {}
    run = Run(sizes, pythons, with_flat=with_flat, with_throughput=with_throughput, with_ratios=not only)
    for engine in engines or ENGINES:
        run.engine(engine)
        run.write(output)  # a run takes long: what is there is kept if it is ended
    run.say_where(output)
    if check and run.missed():
        sys.exit(1)


class Run:
    """All engines of a run, and what was found."""

    def __init__(
        self, sizes: Sizes, pythons: dict[str, str], *, with_flat: bool, with_throughput: bool, with_ratios: bool
    ) -> None:
        self._sizes = sizes
        self._pythons = pythons
        self._with_flat, self._with_throughput, self._with_ratios = with_flat, with_throughput, with_ratios
        self._out = report.console()
        self._ratios: dict[str, list[Measured]] = {}
        self._throughput: dict[str, dict[str, dict[str, float]]] = {}
        self.found: dict[str, Any] = {"machine": machine(), "engines": {}}

    def engine(self, engine: str) -> None:
        """Measure an engine, and print its tables."""
        with tempfile.TemporaryDirectory(prefix="trialstore-bench-") as folder:
            try:
                with databases_of(engine, Path(folder)) as databases:
                    self._engine(engine, databases, Path(folder))
            except ServerMissing as error:
                self._out.print(f"NOT MEASURED ON {engine}: {error}")

    def _engine(self, engine: str, databases: Databases, folder: Path) -> None:
        if differing := honesty(engine, databases):
            raise click.ClickException(f"{engine}: library and floor differ in {', '.join(differing)}")
        found: dict[str, Any] = {"version": databases.version}
        self.found["engines"][engine] = found
        why_not = peers.missing(self._pythons, engine) if self._pythons else dict.fromkeys(peers.NAMES, "not asked for")
        title = f"{engine} ({databases.version})"
        if self._with_ratios:
            with peers.started(self._pythons, databases, folder, why_not) as there:
                measured = self._ratios[engine] = compare(engine, databases, self._sizes, there, self._tell)
                told = {**why_not, **{peer.label: peer.error for peer in there if peer.error}}
            found["operations"] = [each.as_json() for each in measured]
            found["peers"] = told
            self._out.print(report.ratios(title, measured, told))
            for name, why in told.items():
                if why:
                    self._out.print(f"{name}: {why}", markup=False)
        if self._with_flat:
            measured = flat(engine, databases, self._sizes, self._tell)
            found["flat"] = [each.as_json() for each in measured]
            self._out.print(report.flat(f"{title}: cost by size", measured, self._sizes.flat))
            found["memory"] = many.memory(engine, databases, self._sizes)
            self._out.print(report.memory(f"{title}: memory", found["memory"]))
        if self._with_throughput:
            rates = self._throughput[engine] = self._rates(engine, databases, why_not)
            found["throughput"] = rates
            self._out.print(report.throughput(f"{title}: throughput", rates))

    def _rates(self, engine: str, databases: Databases, why_not: dict[str, str]) -> dict[str, dict[str, float]]:
        rates = {report.OURS: many.throughput(engine, databases, self._sizes, self._say)}
        if not why_not["optuna rdb"]:
            python = self._pythons["optuna"]
            rates["optuna rdb"] = many.peer_throughput(python, lambda: peers.url_of(databases.create()), self._sizes)
        return {name: {str(processes): rate for processes, rate in each.items()} for name, each in rates.items()}

    def write(self, output: Path) -> None:
        """Write what was found."""
        output.mkdir(parents=True, exist_ok=True)
        (output / "bench.json").write_text(json.dumps(self.found, indent=1), encoding="utf-8")
        if self._ratios:
            report.draw_ratios(output / "ratios.png", self._ratios)
        if self._throughput:
            report.draw_throughput(output / "throughput.png", self._throughput)

    def say_where(self, output: Path) -> None:
        """Name the folder."""
        self._out.print(f"Written to {output}")

    def missed(self) -> list[str]:
        """Operations that cost more than they may."""
        return [each.name for found in self._ratios.values() for each in found if each.missed]

    def _tell(self, measured: Measured) -> None:
        ratio = measured.ratio()
        self._say(measured.name + ("" if ratio is None else f": {ratio[0]:.2f}"))

    def _say(self, what: str) -> None:
        click.echo(what, err=True)


def machine() -> dict[str, Any]:
    """What the figures hang on."""
    return {
        "when": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


if __name__ == "__main__":
    main()
