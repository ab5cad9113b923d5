"""Searching trials: an expression is parsed, brought into a normal form, and looked for by one statement."""
