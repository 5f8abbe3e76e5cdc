"""llama.cpp's own server in a process of its own: `python -m tests.llama_server FILE [KEY]`."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

KEY = "sk-planted-0123456789"


@contextlib.contextmanager
def serving(file: Path, *, key: str = "") -> Iterator[str]:
    """Run the server on a free port until the block ends, and give its address."""
    command = [sys.executable, "-m", __name__, str(file), *([key] if key else [])]
    with (file.parent / f"server{len(key)}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        address = next((line.split()[1] for line in process.stdout if line.startswith("listens ")), "")
        assert address, Path(log.name).read_text(errors="replace")
        yield f"{address}/v1"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()


def _serve(file: str, key: str = "") -> None:
    """Serve until the input ends, as it does when the process that started this one is gone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames, params.port = file, ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.warmup = 4096, 4, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(f"listens {server.listening_address}", flush=True)  # noqa: T201  for the one who started it
    sys.stdin.read()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
