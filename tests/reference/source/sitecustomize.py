"""Python imports this file by its name when it starts, where its folder is in PYTHONPATH.

So the class of mlos_bench is replaced in whatever its tests start, too: the command line, and other runs of pytest.
"""

import replaced

replaced.prepare()
