"""The demo `trialstore demo`: a small, real autotuning benchmark whose results are stored through the public interface.

What is tuned is SQLite itself: its page size, cache, journal mode, flushing and memory mapping, for a workload made of
Python's own standard library sources. SQLite is the *target system* here and is driven by the sqlite3 module directly;
where the results are stored is another matter, and may be another engine. So this package names an engine; outside of
dialects/ and sql/ nothing else does, but for the default database of the command line.
"""
