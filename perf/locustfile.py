"""Load a running Whatsit with Locust: HTTP and gRPC users, pictures of your own, shapes of load, an SLO.

locust -f perf/locustfile.py --headless --host http://127.0.0.1:8000 --grpc-url 127.0.0.1:8001 --stop-timeout 60 \\
    --photos PICTURES --shape steps --rate 5 --peak 40 --seconds 120 --slo-p99-ms 500 --html report.html --csv report

The exit code is 1 where the SLO is not met. `perf/locust_run.py` starts a server for it, and measures its memory.
"""

from locust_users import options, record  # noqa: F401  # their listeners register themselves
from locust_users.over_grpc import Grpc
from locust_users.over_http import BinaryTensors, RawPicture
from locust_users.shape import Shape

__all__ = ["BinaryTensors", "Grpc", "RawPicture", "Shape"]
