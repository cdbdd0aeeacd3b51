"""A stated subset of ASAM OpenSCENARIO XML (1.0 to 1.3), read into scenarios; what is not read is listed."""

from drivesim.scenarios.openscenario.reading import Imported, read_openscenario

__all__ = ["Imported", "read_openscenario"]
