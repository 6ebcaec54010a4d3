"""A real server in a thread, for the demo, the robots and the tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class ServiceStopped(RuntimeError):
    """The server ended before it was ready, for example because the port is taken."""


@contextmanager
def running(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an application while the block runs; yields its address.

    Port 0 takes a free one. Leaving the block stops the server as SIGTERM would:
    what was accepted is written before the database is closed.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
    )
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
