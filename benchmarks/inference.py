"""What each way of running the shipped camera net costs, and what it keeps of the accuracy: see `engine_ways.py`.

    python benchmarks/inference.py [--float detector/4] [--fast detector/5] [--also NAME/VERSION ...] [--store DIR]
        [--shards 3] [--repeat 30] [--data DIR]

Python looks beside a script first, where this file hides the package of the same name. So it steps aside: for the
benchmark itself, and for every other one that imports the package.
"""

import importlib
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
_others = [entry for entry in sys.path if Path(entry).resolve() != _here]

if __name__ == "__main__":
    sys.path[:] = [str(_here.parent), *_others]
    importlib.import_module("benchmarks.engine_ways").main()
else:
    del sys.modules[__name__]
    sys.path[:] = _others
    importlib.import_module(__name__)
    sys.path.append(str(_here))  # benchmarks that share functions still find each other
