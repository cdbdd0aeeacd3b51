"""Runs lines of Python with settings of the hub's client: SETTINGS RESULTS LINE... Run as a program by the tests of the hub.

The client reads its settings when it is imported, so each run imports it, and the models that import it, anew; torch is
imported once for all of them.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import torch  # noqa: F401


def main() -> None:
    """Write what each line gave, or the ModelError it raised, as a list into the file RESULTS."""
    settings, results, *lines = sys.argv[1:]
    assert "huggingface_hub" not in sys.modules
    for name in [name for name in os.environ if name.startswith("HF_")]:
        del os.environ[name]
    os.environ.update(json.loads(settings))
    os.chdir(os.environ["HF_HOME"])
    warnings.simplefilter("ignore")
    from drivesim.errors import ModelError
    from drivesim.models import load_model, verify_folder
    from drivesim.models.hub import fetch_encoder, fetch_model

    known = {"load_model": load_model, "verify_folder": verify_folder, "fetch_model": fetch_model}
    known["fetch_encoder"] = fetch_encoder
    given = []
    for line in lines:
        try:
            given.append(str(eval(line, known)))
        except ModelError as error:
            given.append(f"ModelError: {error}")
    Path(results).write_text(json.dumps(given))


if __name__ == "__main__":
    main()
