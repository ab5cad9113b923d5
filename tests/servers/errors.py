"""Why there is no server to test with."""

from __future__ import annotations


class ServerMissing(Exception):
    """This machine has no such server and cannot get one: says what was looked for, so that a reader can check it."""


class ServerBroken(Exception):
    """There is such a server, but it does not start or does not answer: never a reason to skip a test."""
