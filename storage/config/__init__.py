"""The keys of the config dict, config files, and URLs."""
