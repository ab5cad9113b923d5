"""The command line `trialstore`."""

from .program import main

__all__ = ["main"]
