"""What setup.cfg cannot say: each build begins in a folder of its own.

By default that is `build/`, where an older version's files stay, and go into the wheel with the new ones.
"""

import atexit
import tempfile

from setuptools import setup
from setuptools.command.build import build


class Build(build):
    """A build in a temporary folder, unless an option names one."""

    def initialize_options(self) -> None:
        """Set the default of `--build-base`."""
        super().initialize_options()
        folder = tempfile.TemporaryDirectory(prefix="trialstore-build-")
        atexit.register(folder.cleanup)
        self.build_base = folder.name


setup(cmdclass={"build": Build})
