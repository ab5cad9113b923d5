"""`python -m trialstore.storage` is the command `trialstore`."""

from trialstore.storage.cli import main

main()
