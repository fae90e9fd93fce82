"""How hypothesis looks for counterexamples, in every test.

There are no deadlines and no complaints of slowness: how long an example takes says something of the machine only. Here
the examples are new in each run, and one that fails is printed with what brings it back; in CI (`CI` is set) they are
the same for the same test, so that a red run is due to the change. `--hypothesis-profile` names the other one.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, derandomize=False
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")
