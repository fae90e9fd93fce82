"""Words that say what a token is: states, which are never values, and units, dates, truths and names, which are.

English, as nearly all loggers are; of some other languages, the states. The lists are of the language, not of any
system's log.
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
    "leader/follower master/slave inbound/outbound incoming/outgoing upload/download uploaded/downloaded import/export "
    "imported/exported subscribe/unsubscribe subscribed/unsubscribed suspend/resume suspended/resumed raised/cleared "
    "allocated/freed encrypt/decrypt encrypted/decrypted mapped/unmapped plugged/unplugged bind/unbind bound/unbound "
    "busy/idle spawn/destroy spawned/destroyed hit/miss sleep/wake minimum/maximum"
)
_OPPOSITES_OF_OTHERS: Final = (
    "成功/失败 成功/失敗 完成/取消 通过/拒绝 允许/拒绝 許可/拒否 批准/驳回 开始/结束 開始/終了 启动/停止 "
    "起動/停止 啟動/停止 启用/禁用 啟用/停用 有効/無効 有效/无效 打开/关闭 打開/關閉 连接/断开 連接/斷開 "
    "接続/切断 登录/登出 登錄/登出 登入/退出 注册/注销 上线/下线 在线/离线 可用/不可用 正常/异常 正常/異常 "
    "创建/删除 建立/刪除 作成/削除 添加/移除 追加/除去 增加/减少 增加/減少 锁定/解锁 鎖定/解鎖 加载/卸载 "
    "发送/接收 送信/受信 提交/回滚 暂停/恢复 一時停止/再開 超时/恢复 สำเร็จ/ไม่สำเร็จ สำเร็จ/ล้มเหลว "
    "เริ่ม/หยุด เปิด/ปิด เชื่อมต่อ/ตัดการเชื่อมต่อ อนุญาต/ปฏิเสธ 성공/실패 시작/종료 시작/중지 연결/해제 "
    "허용/거부 활성/비활성 생성/삭제 정상/비정상 로그인/로그아웃"
)
"""Chinese, Japanese, Thai, Korean. Korean has spaces, but its words have endings."""
_UNIT_WORDS: Final = (
    "B kB KB MB GB TB PB KiB MiB GiB TiB byte bytes ns us µs ms s millisecond milliseconds sec secs second seconds min "
    "mins minute minutes hr hrs hour hours day days"
)
UNITS: Final = frozenset(_UNIT_WORDS.split())
"""A value and the unit after it are one: `12 KB` and `3 MB`, `1 second` and `2 seconds` do not make two templates."""
_COUNTED_WORDS: Final = (
    "attempts batches blocks characters chunks connections copies documents entries errors exceptions failures fields "
    "files frames hits items lines members messages objects operations packets pages queries records replicas requests "
    "results retries rows rules segments shards snapshots steps tests times transactions tries updates values warnings"
)
COUNTED: Final = {
    re.sub("ies$", "y", plural) if plural.endswith("ies") else re.sub("(?<=ch)es$|s$", "", plural): plural
    for plural in _COUNTED_WORDS.split()
}
"""What is counted, one of it to many: `1 row` and `2 rows` are the same sentence."""
_DATE_WORDS: Final = (
    "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Monday Tuesday Wednesday Thursday "
    "Friday Saturday Sunday January February March April June July August September October November December AM PM "
    "UTC GMT CET CEST EST EDT CST CDT MST MDT PST PDT BST IST JST MSK"
)
DATES: Final = frozenset(_DATE_WORDS.split())
"""Values beside another value; `Sun` and `May` are words elsewhere."""
_TRUTH_WORDS: Final = "true false True False TRUE FALSE yes no Yes No YES NO null NULL nil none None"
TRUTHS: Final = frozenset(_TRUTH_WORDS.split())
"""After `=`, `:` or `to`, in brackets and in lists these are values. Elsewhere they are words, some with opposites."""
NOTHING: Final = {
    **dict.fromkeys(("null", "NULL", "nil", "None", "N/A", "n/a", "NaN", "undefined", "localhost"), True),
    **dict.fromkeys(("REDACTED", "MASKED", "HIDDEN"), True),
    **dict.fromkeys(("none", "unknown", "empty", "redacted", "masked", "hidden"), False),
}
"""What stands where a value would. True: wherever it does not begin the line; otherwise only in brackets, in quotes, as
the value of a field, or with an address in brackets after it (`from unknown[10.0.0.1]`)."""
_SAYING: Final = (
    "action cmd command event eventtype event_type kind level method msg message op operation outcome result state "
    "status type verb"
)
SAYING: Final = frozenset(_SAYING.split())
"""Fields whose value says what happened: words there are no values from the start."""
_NO_NAMES: Final = (
    "a account action activity agent and are as at authentication by can cannot credentials did does error for from "
    "group had has have id in info input interface is level list logged may mode must name not of on or password "
    "permission process profile request requested session settings should space switch that the to was will with"
)
NO_NAMES: Final = frozenset(_NO_NAMES.split())
"""Words after `user` that do not name one (`user session`). Any other is a name, whatever letters it is made of."""
_NO_AGENTS: Final = (
    "address any card client config default errors flap host index itself kernel operator peer policy remote reset "
    "self server signal state statistics system them this timeout type us user went you"
)
NO_AGENTS: Final = NO_NAMES | frozenset(_NO_AGENTS.split())
"""The same after `interface`, and after a `by` at the end (`closed by peer`)."""
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
_OTHERS: Final = sorted({word for pair in _OPPOSITES_OF_OTHERS.split() for word in pair.split("/")}, key=len)[::-1]
_NAMED: Final = ("用户", "使用者", "账号", "帐号", "帳號", "主机", "主機")
UNSPACED: Final = "|".join(sorted({*_OTHERS, *_NAMED}, key=lambda word: (-len(word), word)))
"""Words at which text without spaces is cut, the longest first: states, and what a name follows."""
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@lru_cache(maxsize=4_096)
def is_state(token: str) -> bool:
    """Whether a token ends in a word that has an opposite (started, `SCREEN_ON`), or begins with it (`OnlineNode`)."""
    if not token.isascii():
        return any(token.startswith(word) or token.endswith(word) for word in _OTHERS)
    parts = _PARTS.findall(token)
    return bool(parts) and (parts[-1].lower() in _STATES or (len(parts) == 2 and parts[0].lower() in _STATES))
