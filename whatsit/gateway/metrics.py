"""Prometheus metrics of the gateway."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "whatsit_gateway_requests",
    "Requests by protocol, route and status",
    ["protocol", "route", "status"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "whatsit_gateway_request_seconds",
    "Seconds to the reply",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge("whatsit_gateway_in_flight", "Requests that are being answered", registry=REGISTRY)
CONNECTIONS = Gauge("whatsit_gateway_connections", "Open HTTP connections", registry=REGISTRY)
HELD = Counter("whatsit_gateway_held", "Attempts that waited for a restarted Triton or step", registry=REGISTRY)
REFUSED = Counter("whatsit_gateway_refused", "Refused requests by reason", ["reason"], registry=REGISTRY)
