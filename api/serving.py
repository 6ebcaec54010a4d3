"""A real server: the service's own, and one in a thread for demo, robots and tests."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

QUIET: Any = {
    "access_log": False,
    "server_header": False,
    "date_header": False,
    "log_level": "warning",
}
"""How every server runs: it writes down and tells as little as it can."""

GRACE_SECONDS = 8
"""What a request may take after SIGTERM, before the ten seconds that Docker gives."""


START_SECONDS = 60
"""What a worker may take to start, or to answer that it is alive, on a busy machine."""


class ServiceStopped(RuntimeError):
    """The server ended before it was ready, for example because the port is taken."""


def serve(host: str, port: int, workers: int) -> None:
    """Serve the installation that the environment names, until SIGTERM or Ctrl-C.

    Then no connection is taken any more, what was asked is answered, what was accepted
    is written, and the process exits with 0.
    """
    # uvicorn ends its work at a SIGTERM and then raises it again for this handler
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "api.main:create_app_from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=START_SECONDS,
        **QUIET,
    )


@contextmanager
def running(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an application while the block runs; yields its address.

    Port 0 takes a free one. Leaving the block stops the server as SIGTERM would:
    what was accepted is written before the database is closed.
    """
    config = uvicorn.Config(app, host=host, port=port, **QUIET)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="parallax-server", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise ServiceStopped(f"no server on {host}:{port}: is the port taken?")
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
