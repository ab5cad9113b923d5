"""What the library's calls cost, beside the least that the bare driver needs for the same, and beside other libraries.

`python -m benchmarks --help`, run from the folder above this one. Nothing of the library is imported here: the scripts
that measure other libraries run with interpreters that do not have it.
"""
