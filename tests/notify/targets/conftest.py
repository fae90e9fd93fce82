"""What the tests of targets share is beside this file: `suite`, `tellings`, `contract`."""

import sys
from pathlib import Path

sys.path[:0] = [here] if (here := str(Path(__file__).parent)) not in sys.path else []
