"""``python -m drivesim`` is the ``drivesim`` command."""

from drivesim.cli.main import main

main()
