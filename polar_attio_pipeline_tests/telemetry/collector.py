"""A collector on this machine: it takes OTLP over HTTP, as a real one does, or fails in the ways of a real one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What a collector was sent.

    Attributes:
        status: What it answers.
        hangs: Whether it answers nothing at all.
        raw: The bodies that it got.
    """

    status: int = 200
    hangs: bool = False
    url: str = ""
    raw: list[bytes] = field(default_factory=list)
    spans: list[str] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    temporalities: set[int] = field(default_factory=set)
    resource: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, body: bytes) -> None:
        self.raw.append(body)
        if path == "/v1/traces":
            for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = {one.key: one.value.string_value for one in traced.resource.attributes}
                self.spans += [span.name for scope in traced.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                metrics = [metric for scope in measured.scope_metrics for metric in scope.metrics]
                self.metrics |= {metric.name for metric in metrics}
                self.temporalities |= {
                    metric.histogram.aggregation_temporality for metric in metrics if metric.HasField("histogram")
                }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Yield a collector that is open."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if collector.hangs:
                collector.over.wait(60)
                return
            if collector.status == 200:
                collector.take(self.path, body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield collector
        collector.over.set()
        server.shutdown()
        thread.join()
