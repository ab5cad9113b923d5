"""The contract suite: what every dialect promises, written once, run on every engine and connection mode.

It ships with trialstore so that the author of another dialect can run it; docs/dialects.md says how.
"""

import pytest

pytest.register_assert_rewrite("trialstore.contract.helpers")
