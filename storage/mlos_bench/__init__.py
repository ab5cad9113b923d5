"""This storage inside the mlos_bench harness: `"class": "trialstore.storage.mlos_bench.SqlStorage"` in a config.

The classes are mlos_bench's own to the harness: they derive from its abstract classes, take its `TunableGroups` and
`Service`, and give its `Status` and the values as its own storage gives them, which is as text. All else is done by the
objects of `trialstore.storage` behind them, which `core` gives. Works with the interface of mlos_bench 0.6.2 and with
the newer one that knows trial runners. See docs/mlos_bench.md.
"""

from .storage import Experiment, SqlStorage, Trial

__all__ = ["Experiment", "SqlStorage", "Trial"]
