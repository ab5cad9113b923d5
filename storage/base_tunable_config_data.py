"""Reading a tunable config: the public path of the class."""

from .base_trial_data import TunableConfigData

__all__ = ["TunableConfigData"]
