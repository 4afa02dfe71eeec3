"""A real HTTP server of one file, which may behave as badly as servers do."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What the server has and how it behaves; tests change it between requests.

    Attributes:
        content: the file.
        etag: its tag, empty for none.
        modified: when it changed, empty for not told.
        ranges: whether parts can be had.
        if_range: whether it looks at If-Range; some servers send the rest of whatever they have.
        block: what it rounds the start of a range down to.
        breaks: after how many bytes each coming answer breaks off, first to last; then none does.
        length: whether it tells the length; otherwise it sends chunks.
        claims: the length that it tells, where that is not the true one.
        status: of every answer, if not 200 or 206.
        redirect: whether the file is behind a redirect.
        asked: the headers of every request so far.
    """

    content: bytes = b""
    etag: str = '"1"'
    modified: str = ""
    ranges: bool = True
    if_range: bool = True
    block: int = 1
    breaks: list[int] = field(default_factory=list)
    length: bool = True
    claims: int | None = None
    status: int | None = None
    redirect: bool = False
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def ranges_asked(self) -> list[str | None]:
        """The Range of every request so far."""
        return [headers.get("Range") for headers in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, format: str, *arguments: object) -> None:
        """Tests are quiet."""

    def do_GET(self) -> None:
        served = self.served
        self.close_connection = True
        if served.redirect and not self.path.endswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"{self.path}/moved")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        served.asked.append(dict(self.headers.items()))
        if served.status is not None:
            self.send_error(served.status)
            return
        start = self._start()
        if start is not None and start >= len(served.content):
            self.send_error(416)
            return
        self._send(served.content[start or 0 :], start)

    def _start(self) -> int | None:
        """Return where the range that was asked for starts, None where the whole file is to be sent."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match is None or not self.served.ranges:
            return None
        if self.served.if_range and self.headers.get("If-Range") not in (self.served.etag, self.served.modified):
            return None
        return int(match[1]) // self.served.block * self.served.block

    def _send(self, body: bytes, start: int | None) -> None:
        served = self.served
        self.send_response(200 if start is None else 206)
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.modified:
            self.send_header("Last-Modified", served.modified)
        if start is not None:
            size = len(served.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if served.length:
            self.send_header("Content-Length", str(served.claims or len(body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = body[: served.breaks.pop(0)] if served.breaks else body
        self.wfile.write(sent if served.length else b"%x\r\n%s\r\n" % (len(sent), sent))
        if not served.length and len(sent) == len(body):
            self.wfile.write(b"0\r\n\r\n")


@contextlib.contextmanager
def serving(content: bytes, name: str = "file.zip") -> Iterator[Served]:
    """Serve a file at `served.url` while the block runs."""
    served = Served(content)
    handler = type("Handler", (_Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/{name}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
