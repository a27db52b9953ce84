"""Who is told: a webhook that keeps what Alertmanager sends, in order."""

from __future__ import annotations

import http.server
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Notification:
    """One message: which receiver got it, when, and Alertmanager's body."""

    receiver: str
    at: float
    body: dict[str, Any]

    def alerts(self, status: str) -> list[dict[str, str]]:
        """The labels of its alerts of a status, `firing` or `resolved`."""
        return [each["labels"] for each in self.body["alerts"] if each["status"] == status]


class Inbox:
    """Everything that arrived so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.notifications: list[Notification] = []

    def about(self, name: str, namespace: str, status: str, *, since: float) -> list[Notification]:
        """Messages after a moment that hold this alert of this namespace in this status."""
        return [
            each
            for each in list(self.notifications)
            if each.at >= since
            and any(
                labels["alertname"] == name and labels.get("namespace", "") == namespace
                for labels in each.alerts(status)
            )
        ]


@contextmanager
def inbox() -> Iterator[Inbox]:
    """A listening webhook."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kept.notifications.append(Notification(self.path.strip("/"), time.monotonic(), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not to the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept = Inbox(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
