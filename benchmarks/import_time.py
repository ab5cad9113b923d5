"""How long `import trialstore.storage` takes beside `import sqlalchemy` alone.

    python benchmarks/import_time.py [ROUNDS]

Each import runs in a fresh interpreter that times it, so the interpreter's own start does not count. The two take
turns, so that a busy machine slows both. Prints the medians and their ratio, and exits with 1 when it is above 1.6.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

LIMIT = 1.6
IMPORTS = ("sqlalchemy", "trialstore.storage")


def seconds(module: str) -> float:
    """What one import takes inside a fresh interpreter, measured by that interpreter."""
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def main(rounds: int = 21) -> int:
    for module in IMPORTS:
        seconds(module)  # writes the byte code, and brings the files into memory
    times: dict[str, list[float]] = {module: [] for module in IMPORTS}
    started = time.perf_counter()
    for _ in range(rounds):
        for module in IMPORTS:
            times[module].append(seconds(module))
    medians = {module: statistics.median(values) for module, values in times.items()}
    for module, median in medians.items():
        print(f"import {module:20} {median * 1000:7.1f} ms  (least {min(times[module]) * 1000:.1f} ms)")
    ratio = medians["trialstore.storage"] / medians["sqlalchemy"]
    print(f"ratio {ratio:.2f}, at most {LIMIT} allowed ({rounds} rounds, {time.perf_counter() - started:.0f} s)")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
