"""Load a running Whatsit with Locust over HTTP and gRPC, with an SLO.

locust -f perf/load/locustfile.py --headless --host http://127.0.0.1:8000 --grpc-url 127.0.0.1:8001 --stop-timeout 60 \\
    --photos PICTURES --shape steps --rate 5 --peak 40 --seconds 120 --slo-p99-ms 500 --html report.html --csv report

The exit code is 1 where the SLO is not met. `python -m perf.load.locust_run` starts a server and measures its memory.
"""

from perf.load.locust_hooks import Shape  # its listeners register themselves
from perf.load.users import BinaryTensors, Grpc, RawPicture

__all__ = ["BinaryTensors", "Grpc", "RawPicture", "Shape"]
