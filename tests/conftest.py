"""Makes the shared test models (tests/*.py) importable; appended, so that no folder here shadows a library."""

import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

# A shell that runs the tests in the background makes its children ignore Ctrl-C, and processes that the tests start would
# inherit that; the tests of Ctrl-C need the usual handler.
signal.signal(signal.SIGINT, signal.default_int_handler)
