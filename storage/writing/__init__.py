"""Writing to experiments and their trials, and reading what a harness needs to continue them."""
