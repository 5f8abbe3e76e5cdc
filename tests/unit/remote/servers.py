"""Small servers of this protocol: one that answers whatever a test wants, one with a model behind it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Reply:
    """What a server sends; `wait` is set when a test lets a slow one go on."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: threading.Event | None = None


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    path: str
    headers: Mapping[str, str]
    body: Any


Answering = Callable[[Request], Reply]


class Server(ThreadingHTTPServer):
    """Answers by a function and writes down what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.asked: list[Request] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self._answer(json.loads(self.rfile.read(size)))

    def do_GET(self) -> None:
        self._answer(None)

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body)
        self.server.asked.append(request)
        reply = self.server.answering(request)
        if reply.wait is not None:
            reply.wait.wait(30)
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True


@contextmanager
def serving(answering: Answering) -> Iterator[Server]:
    """Run a server while the body runs."""
    server = Server(answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def model_server(
    hf_model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, *, is_shifted: bool = False
) -> Answering:
    """Answer completions of a model with parallel lists, the older form, and with the prompt where it is asked to.

    The token that begins a text stands before it, as servers show it. Shifted: the numbers of a prompt stand under the
    token before their own, as one server that is about has them.
    """

    def numbers(ids: list[int]) -> torch.Tensor:
        with torch.no_grad():
            return hf_model(torch.tensor([ids])).logits[0].double().log_softmax(-1)

    def answer(request: Request) -> Reply:
        asked = request.body
        ids = [tokenizer.bos_token_id, *tokenizer(asked["prompt"])["input_ids"]]
        logs = numbers(ids)
        new = int(logs[-1].argmax())
        rows = [*([None] if not is_shifted else []), *logs] if asked.get("echo") else [logs[-1]]
        shown = [*ids, new] if asked.get("echo") else [new]
        spelt = [tokenizer.decode([i]) for i in shown]
        rows = rows[: len(shown)] + [logs[-1]] * (len(shown) - len(rows))
        tops = [None if row is None else _top(tokenizer, row, asked["logprobs"]) for row in rows]
        own = [None if row is None else float(row[i]) for row, i in zip(rows, shown, strict=True)]
        text = (asked["prompt"] if asked.get("echo") else "") + tokenizer.decode([new])
        logprobs = {"tokens": spelt, "token_logprobs": own, "top_logprobs": tops}
        choice = {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": "length"}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 1}
        return Reply({"choices": [choice], "model": asked["model"], "usage": usage})

    return answer


def _top(tokenizer: PreTrainedTokenizerFast, row: torch.Tensor, n: int) -> dict[str, float]:
    best = row.topk(n)
    return {tokenizer.decode([int(i)]): float(v) for i, v in zip(best.indices, best.values, strict=True)}
