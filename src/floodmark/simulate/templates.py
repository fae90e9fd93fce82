"""What the shop's services write into their logs. Data only.

In a text, `{field}` is a parameter (`lines.FIELDS` says how each is drawn).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from floodmark.simulate.topology import ServiceKind

Role = Literal["traffic", "background", "failure", "slow"]


class Template(NamedTuple):
    """One kind of line. `role` says what makes it more frequent: traffic, nothing, failures, or slowness.

    `rate`: lines a minute at mean load when all is well.
    """

    role: Role
    severity: Literal["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    rate: float
    text: str


def _t(rate: float, text: str, severity: Literal["DEBUG", "INFO", "WARN"] = "INFO") -> Template:
    return Template("traffic", severity, rate, text)


def _every(rate: float, text: str, severity: Literal["DEBUG", "INFO", "WARN"] = "INFO") -> Template:
    return Template("background", severity, rate, text)


def _failure(text: str) -> Template:
    return Template("failure", "ERROR", 0.08, text)


def _slow(text: str) -> Template:
    return Template("slow", "WARN", 0.10, text)


TEMPLATES: Mapping[str, tuple[Template, ...]] = {
    "edge": (
        _t(2.2, "{ip} GET /products/{id} 200 {bytes} bytes {ms} ms"),
        _t(1.2, "{ip} GET /search?q={word} 200 {bytes} bytes {ms} ms"),
        _t(0.6, "{ip} POST /cart/{id}/items 201 {bytes} bytes {ms} ms"),
        _t(0.4, "rate limiter let {n} requests of client {ip} through"),
        _t(0.4, "TLS handshake with {ip} finished in {ms} ms using TLSv1.3"),
        _every(0.20, "certificate shop.example valid for {n} more days"),
        _every(0.20, "upstream pool web has {n} healthy members"),
        _slow("upstream web took {ms} ms for request {hex}"),
        _failure("502 from upstream web for request {hex} after {ms} ms"),
    ),
    "web": (
        _t(2.0, "rendered product page {id} in {ms} ms"),
        _t(1.0, "rendered result page for {word} with {n} hits in {ms} ms"),
        _t(0.6, "session {hex} started for visitor from {city}"),
        _t(0.5, "cache hit for fragment home/{n} age {n} s"),
        _t(0.5, "experiment checkout-button assigned visitor {id} to variant {n}"),
        _every(0.20, "flushed {n} analytics events to collector"),
        _slow("page render slow: {ms} ms for route /products/{id}"),
        _failure("unhandled error while rendering route /account/{id}: request {hex}"),
    ),
    "search": (
        _t(1.4, "query {word} matched {n} documents in {ms} ms"),
        _t(0.5, "spelling corrected from {word} to {word}"),
        _t(0.4, "facet cache refreshed for category {n} with {bytes} entries"),
        _every(0.30, "segment merge finished: {n} segments into 1, {bytes} bytes"),
        _every(0.20, "index checkpoint {id} written in {ms} ms"),
        _slow("slow query {word}: {ms} ms over {n} shards"),
        _failure("query {hex} failed on shard {n}: deadline exceeded"),
    ),
    "recommend": (
        _t(1.3, "served {n} recommendations to visitor {id} in {ms} ms"),
        _t(0.4, "fallback to bestsellers for new visitor {id}"),
        _t(0.4, "embedding lookup of product {id} hit local cache"),
        _every(0.25, "loaded candidate set {hex} with {bytes} items"),
        _every(0.20, "nearest neighbour index holds {bytes} vectors"),
        _slow("candidate scoring took {ms} ms for visitor {id}"),
        _failure("scoring failed for visitor {id}: feature store returned {n} rows"),
    ),
    "catalog": (
        _t(1.8, "GET /products/{id} 200 in {ms} ms"),
        _t(0.8, "batch read of {n} products in {ms} ms"),
        _t(0.4, "price of product {id} read from cache, age {n} s"),
        _every(0.25, "connection pool: {n} idle of 50"),
        _every(0.20, "image manifest {hex} refreshed"),
        _slow("slow read of product {id}: {ms} ms"),
        _failure("GET /products/{id} 500 request {hex}"),
    ),
    "checkout": (
        _t(1.0, "order {id} accepted, total {money} EUR"),
        _t(0.8, "order {id} moved from draft to paid"),
        _t(0.6, "address of order {id} verified in {city}"),
        _t(0.5, "coupon {hex} applied to order {id}: minus {money} EUR"),
        _every(0.20, "outbox relayed {n} order events"),
        _every(0.20, "vacuumed {n} abandoned drafts"),
        _slow("order {id} took {ms} ms to place"),
        _failure("order {id} could not be placed: request {hex} rolled back"),
    ),
    "cart": (
        _t(1.0, "cart {hex} updated: {n} items, {money} EUR"),
        _t(0.6, "stock of product {id} confirmed for cart {hex}"),
        _t(0.4, "cart {hex} merged after login of user {id}"),
        _every(0.25, "expired {n} carts older than 30 days"),
        _every(0.20, "snapshot of {bytes} carts written in {ms} ms"),
        _slow("cart {hex} loaded slowly: {ms} ms"),
        _failure("optimistic lock lost on cart {hex} after {n} attempts"),
    ),
    "payment": (
        _t(1.0, "authorised {money} EUR for order {id} in {ms} ms"),
        _t(0.6, "captured {money} EUR of authorisation {hex}"),
        _t(0.4, "3-D Secure challenge passed for order {id}"),
        _t(0.3, "issuer declined order {id}: code {n}"),
        _every(0.20, "settlement file part {n} uploaded, {bytes} bytes"),
        _every(0.20, "acquirer heartbeat answered in {ms} ms"),
        _slow("acquirer answered authorisation {hex} in {ms} ms"),
        _failure("authorisation of order {id} failed: acquirer returned status {n}"),
    ),
    "fraud-scorer": (
        _t(0.9, "scored order {id} in {ms} ms with model 2.7.1"),
        _t(0.4, "feature vector of order {id} assembled from {n} sources"),
        _t(0.3, "order {id} sent to manual review queue"),
        _every(0.20, "feature cache holds {bytes} entries"),
        _every(0.20, "model 2.7.1 self test passed in {ms} ms"),
        _slow("scoring of order {id} took {ms} ms"),
        _failure("no features for order {id}: profile store timed out after {ms} ms"),
    ),
    "accounts": (
        _t(1.0, "user {id} logged in from {city}"),
        _t(0.6, "token refreshed for user {id}"),
        _t(0.4, "profile of user {id} read in {ms} ms"),
        _t(0.25, "wrong password for user {id} from {ip}", "WARN"),
        _every(0.20, "revoked {n} expired tokens"),
        _every(0.20, "replica lag {ms} ms"),
        _slow("profile query of user {id} took {ms} ms"),
        _failure("could not read user {id}: connection {hex} was reset"),
    ),
    "shipping": (
        _t(0.8, "label printed for order {id}, carrier {n}"),
        _t(0.6, "quote for {city}: {money} EUR by carrier {n}"),
        _t(0.4, "parcel {hex} handed to carrier {n}"),
        _every(0.30, "polled carrier {n}: {n} status updates"),
        _every(0.20, "warehouse {n} queue drained in {ms} ms"),
        _slow("carrier {n} took {ms} ms to quote"),
        _failure("label of order {id} rejected by carrier: code {n}"),
    ),
    "inventory": (
        _t(1.4, "reserved {n} of product {id}"),
        _t(0.6, "released {n} of product {id} from cart {hex}"),
        _t(0.4, "stock level of product {id} is {n}"),
        _every(0.25, "replenishment order {id} planned for warehouse {n}"),
        _every(0.20, "stock ledger compacted to {bytes} rows"),
        _slow("row lock on product {id} held for {ms} ms"),
        _failure("deadlock on product {id}, transaction {hex} aborted"),
    ),
}

GENERIC: Mapping[ServiceKind, tuple[Template, ...]] = {
    "service": (
        _t(0.8, "handled request {hex} in {ms} ms"),
        _t(0.3, "read {n} rows for client {id}"),
        _every(0.05, "flushed {n} spans to collector"),
        _slow("request {hex} took {ms} ms"),
        _failure("request {hex} failed with status {status} after {ms} ms"),
    ),
    "database": (
        _t(0.4, "checkpoint starting: {n} buffers"),
        _every(0.10, "automatic vacuum of table {id}: {n} pages removed"),
        _slow("duration: {ms} ms  statement {hex}"),
        _failure("canceling statement {hex} due to statement timeout"),
    ),
    "cache": (
        _t(0.3, "evicted {n} keys in {ms} ms"),
        _every(0.05, "background saving of {bytes} keys finished"),
        _slow("slow command {hex}: {ms} ms"),
        _failure("client {id} closed: output buffer limit reached"),
    ),
    "queue": (
        _t(0.3, "partition {n} rolled segment {id}"),
        _every(0.05, "expired {n} members of group {hex}"),
        _slow("produce request {hex} waited {ms} ms for acknowledgement"),
        _failure("append to partition {n} failed after {ms} ms"),
    ),
    "external": (),
}
"""What a service writes that has no words of its own above."""


def templates_of(name: str, kind: ServiceKind) -> tuple[Template, ...]:
    """The lines of a service: its own, or those of its kind."""
    return TEMPLATES.get(name, GENERIC[kind])


UPSTREAM = "call to {peer} failed with status {status} after {ms} ms, request {hex}"
"""What a caller writes when its dependency fails."""

BOOT = ("listening on 0.0.0.0:8080, release {release}", "configuration loaded from 3 sources, release {release}")
KILLED = "container killed: memory limit of {limit} MB exceeded, exit code 137"

BUGS: Mapping[str, str] = {
    "checkout": "TypeError: cannot read properties of undefined (reading 'giftWrap') at totals.js:{n} order {id}",
    "shipping": 'column "delivery_window" does not exist, SQLSTATE 42703, while quoting order {id}',
    "cart": "panic: assignment to entry in nil map at merge.go:{n} cart {hex}",
    "payment": "NullPointerException: tokenVault is null in CardMapper.map line {n}, order {id}",
}
"""What a bad release of a service says that no release before it said."""
GENERIC_BUG = "IndexError: list index out of range at handlers.py:{n} request {hex}"
"""The same, of a service that has no bug of its own."""

NOVELTIES: tuple[tuple[str, str], ...] = (
    ("payment", "monthly statement run started for {n} merchants"),
    ("accounts", "retention job anonymised {bytes} dormant profiles"),
    ("catalog", "supplier feed 2025-06 imported with {n} new brands"),
)
"""Lines that nobody has seen before, and that mean no harm: (service, text)."""
