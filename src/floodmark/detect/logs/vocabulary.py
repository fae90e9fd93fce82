"""Words that say what a token is: states, which are never values, and units, dates, truths and names, which are.

English, as nearly all loggers are. The lists are of the language, not of any system's log.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_OPPOSITES: Final = (
    "start/stop started/stopped starting/stopping pause/resume paused/resumed pausing/resuming up/down on/off "
    "success/failure succeed/fail succeeded/failed successful/unsuccessful successfully/unsuccessfully ok/error "
    "pass/fail passed/failed open/close opened/closed opening/closing enable/disable enabled/disabled "
    "enabling/disabling connect/disconnect connected/disconnected connecting/disconnecting allow/deny allowed/denied "
    "accept/reject accepted/rejected online/offline healthy/unhealthy active/inactive available/unavailable "
    "create/delete created/deleted creating/deleting add/remove added/removed adding/removing lock/unlock "
    "locked/unlocked mount/unmount mounted/unmounted login/logout grant/revoke granted/revoked valid/invalid "
    "true/false yes/no begin/end began/ended load/unload loaded/unloaded acquire/release acquired/released "
    "attach/detach attached/detached join/leave joined/left enter/exit entered/exited read/write first/last "
    "increase/decrease increased/decreased finish/abort finished/aborted completed/aborted commit/rollback "
    "committed/aborted register/unregister registered/unregistered install/uninstall installed/uninstalled "
    "known/unknown reachable/unreachable found/missing get/post put/patch head/options send/receive sent/received "
    "sending/receiving info/warn warning/error debug/trace critical/fatal ready/unready alive/dead primary/secondary "
    "leader/follower master/slave"
)
_UNIT_WORDS: Final = (
    "B kB KB MB GB TB PB KiB MiB GiB TiB byte bytes ns us µs ms s sec secs second seconds min mins minute minutes "
    "hour hours day days"
)
UNITS: Final = frozenset(_UNIT_WORDS.split())
"""A value and the unit after it are one: `12 KB` and `3 MB`, `1 second` and `2 seconds` do not make two templates."""
_DATE_WORDS: Final = "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
DATES: Final = frozenset(_DATE_WORDS.split())
"""Values beside another value; `Sun` and `May` are words elsewhere."""
_TRUTH_WORDS: Final = "true false True False TRUE FALSE null NULL nil none None"
TRUTHS: Final = frozenset(_TRUTH_WORDS.split())
"""After `=` or `:` these are values of a field. Elsewhere they are words, and true and false have opposites."""
_NO_NAMES: Final = (
    "a account action activity agent and are as at authentication by can cannot credentials did does error for from "
    "group had has have id in info input interface is level list logged may mode must name not of on or password "
    "permission process profile request requested session settings should space switch that the to was will with"
)
NO_NAMES: Final = frozenset(_NO_NAMES.split())
"""Words after `user` that do not name one (`user session`). Any other is a name, whatever letters it is made of."""
_NO_MEASURES: Final = (
    "attempt block chunk code col column errno exit gid id index iteration job line node number offset page partition "
    "pid port position replica row seq sequence shard slot status step term thread tid uid user version worker"
)
NO_MEASURES: Final = frozenset(_NO_MEASURES.split())
"""A number after one of these names or numbers something, and measures nothing."""
_QUANTITIES: Final = (
    "age amount average avg backlog balance batch bytes capacity connections count cost cpu delay depth disk "
    "distance duration elapsed entries errors free heap height hits items lag latency length level load max mean "
    "memory messages min misses pending percent price queue queued rate ratio remaining requests retries rows rss "
    "score seconds size space speed sum temperature tasks threads throughput time total usage used utilization "
    "volume wait weight width"
)
QUANTITIES: Final = frozenset(_QUANTITIES.split())
"""A number after one of these measures something, unit or not."""
_STATES: Final = frozenset(word for pair in _OPPOSITES.split() for word in pair.split("/"))
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@lru_cache(maxsize=4_096)
def is_state(token: str) -> bool:
    """Whether a token ends in a word that has an opposite (started, `SCREEN_ON`): such words are never values."""
    parts = _PARTS.findall(token)
    return bool(parts) and parts[-1].lower() in _STATES
