"""Whatsit's own options of the command `locust`."""

from __future__ import annotations

from typing import Any

from locust import events

from perf.common.setting import DEMO

DEMO_SCENES = DEMO / "scenes"


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Called by Locust before it reads the command line."""
    group = parser.add_argument_group("Whatsit")
    group.add_argument("--grpc-url", default="127.0.0.1:8001", help="host:port of gRPC; that of HTTP is --host")
    group.add_argument("--photos", default=str(DEMO_SCENES), help="folder of pictures to send; the demo's scenes")
    group.add_argument("--shape", default="steady", choices=["steady", "steps", "spike", "soak", "closed"])
    group.add_argument("--rate", type=float, default=10.0, help="calls a second (closed: callers)")
    group.add_argument("--seconds", type=float, default=60.0, help="how long, ramps included")
    group.add_argument("--peak", type=float, default=30.0, help="calls a second in a spike and on the last step")
    group.add_argument("--changes", type=float, default=0.1, help="share of the calls that change the catalogue")
    group.add_argument("--slo-p99-ms", type=float, default=1000.0, help="the run fails beyond, identify alone counts")
    group.add_argument("--slo-failures", type=float, default=0.0, help="share of calls that may fail, 0..1")
    group.add_argument("--slo-refused", type=float, default=0.0, help="share of calls that may be refused as too many")
    group.add_argument("--record", default="", help="CSV file for one line per call")
