"""A real HTTP server on this machine that answers as a server of models would, or should not."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    """One request; what is answered is the server's business."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chat = self.server.chat
        chat.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        chat.answer(self, body)

    def reply(
        self, content: bytes, *, status: int = 200, kind: str = "application/json", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Chat:
    """What the server was asked, and how it answers."""

    answer: Callable[[Handler, Body], None]
    asked: list[tuple[str, dict[str, str], Body]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, so that nobody goes on dawdling."""
    base_url: str = ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    chat: Chat

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some of these tests are about."""


@contextmanager
def chat_server(answer: Callable[[Handler, Body], None]) -> Iterator[Chat]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with _Server(("127.0.0.1", 0), Handler) as server:
        chat = Chat(answer, base_url=f"http://127.0.0.1:{server.server_address[1]}/v1")
        server.chat = chat
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield chat
        finally:
            chat.over.set()
            server.shutdown()
            thread.join()


def completion(content: str | None, **changed: Any) -> bytes:
    """A chat completion as OpenAI's documentation draws it."""
    message = {"role": "assistant", "content": content} | changed.pop("message", {})
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "toy",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
        | changed
    ).encode()


def says(content: str | None, **changed: Any) -> Callable[[Handler, Body], None]:
    """A server that always answers this."""
    return lambda handler, _: handler.reply(completion(content, **changed))


def calls(name: str, arguments: str) -> dict[str, Any]:
    """The part of a message that calls a tool."""
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
