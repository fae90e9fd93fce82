"""How many messages a target gets at once: a bucket of tokens that fills again by itself. Pure."""

from __future__ import annotations

from msgspec import Struct


class Bucket(Struct):
    """`level` tokens were there at `at`."""

    level: float
    at: float


def _filled(bucket: Bucket, burst: int, every: float, now: float) -> float:
    grown = (max(0.0, now - bucket.at) / every) if every > 0 else float(burst)
    return min(float(burst), bucket.level + grown)


def take(bucket: Bucket, burst: int, every: float, now: float) -> bool:
    """Take a token, if there is one."""
    level = _filled(bucket, burst, every, now)
    if level < 1 - 1e-9:
        return False
    bucket.level, bucket.at = level - 1, max(now, bucket.at)
    return True


def next_token(bucket: Bucket, burst: int, every: float, now: float) -> float:
    """When there will be one."""
    return now + max(0.0, (1 - _filled(bucket, burst, every, now)) * every)
