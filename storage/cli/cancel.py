"""The command `trialstore cancel`: ends trials that nobody has begun."""

from __future__ import annotations

import click

from trialstore.dialects.errors import listed

from .found import experiment_missing
from .output import print_sentence, say
from .target import Target, storage_options


@click.command("cancel")
@click.argument("experiment")
@click.argument("trials", type=int, nargs=-1, required=True, metavar="TRIAL...")
@storage_options
@click.pass_context
def cancel(ctx: click.Context, target: Target, experiment: str, trials: tuple[int, ...]) -> None:
    """Cancel PENDING trials by their ids.

    That includes trials that cannot be run, which unfit_trials() lists. Trials that somebody holds or has begun are
    left as they are, and the exit code is then 1.
    """
    with target.open(schema_policy="verify", lazy_schema_create=False) as storage:
        found = storage.get_experiment_by_id(experiment, {}, {})
        if found is None:
            raise experiment_missing(storage.experiments, experiment)
        canceled = found.cancel_trials(trials)
    if canceled:
        print_sentence(f"Canceled: {listed(canceled, str)}")
    if left := sorted(set(trials) - set(canceled)):
        say(f"Not PENDING, held, or not there: {listed(left, str)}", err=True)
        ctx.exit(1)
