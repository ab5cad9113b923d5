"""Reading the trials of an experiment that share a tunable config: the public path of the class."""

from .base_trial_data import TunableConfigTrialGroupData

__all__ = ["TunableConfigTrialGroupData"]
