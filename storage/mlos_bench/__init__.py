"""This storage inside the mlos_bench harness: `"class": "trialstore.storage.mlos_bench.SqlStorage"` in a config.

To the harness the classes look like mlos_bench's own: they derive from its abstract classes, take its `TunableGroups`
and `Service`, and return its `Status`, and values as text, as its own storage does. The work is done by the
`trialstore.storage` objects behind them, which `core` returns. Works with the interface of mlos_bench 0.6.2 and with
the newer one, which has trial runners. See docs/mlos_bench.md.
"""

from .storage import Experiment, SqlStorage, Trial

__all__ = ["Experiment", "SqlStorage", "Trial"]
