"""A real server: the service's own, and one in a thread for demo, robots and tests."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from .errors import ServiceStopped

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


def serve(host: str, port: int, workers: int, announce: Callable[[str], None]) -> None:
    """Serve the installation that the environment names, until SIGTERM or Ctrl-C.

    Then no connection is taken any more, what was asked is answered, what was accepted
    is written, and the process exits with 0.

    Parameters
    ----------
    host : str
    port : int
        0 takes a free one.
    workers : int
    announce : callable
        Told the address as soon as it takes connections.

    Raises
    ------
    ServiceStopped
    """
    # uvicorn ends its work at a SIGTERM and then raises it again for this handler
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServiceStopped(host, port) from error
    announce(_address(host, listener.getsockname()[1]))
    with suppress(KeyboardInterrupt):
        if workers > 1:
            Multiprocess(config, sockets=[listener]).run()
        else:
            uvicorn.Server(config).run(sockets=[listener])


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
            raise ServiceStopped(host, port)
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield _address(host, port)
    finally:
        server.should_exit = True
        thread.join()
