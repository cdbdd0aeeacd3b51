"""Makes the shared test models (tests/*.py) importable; appended, so that no folder here shadows a library."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
