"""drain3 with its default config: cluster ids of lines mined apart, and lines a second over passes of mixed lines.

python drain.py ASKED.json     ({"separate": {name: [line, …]}, "passes": [[line, …], …]}; the answer is JSON)
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner

logging.disable(logging.INFO)


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {}
    for name, lines in asked["separate"].items():
        miner = TemplateMiner()
        found[name] = [miner.add_log_message(line)["cluster_id"] for line in lines]
    miner, rates = TemplateMiner(), []
    for lines in asked["passes"]:
        begun = time.perf_counter()
        for line in lines:
            miner.add_log_message(line)
        rates.append(len(lines) / (time.perf_counter() - begun))
    print(json.dumps({"found": found, "rates": rates}))


if __name__ == "__main__":
    main()
