"""`python -m trialstore.storage.mlos_bench` is mlos_bench's command line, with our class accepted in configs."""

from .config import run_harness

run_harness()
