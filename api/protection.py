"""Round every request: headers, a limit for bodies, a log without values."""

import logging
from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import BodyTooLarge

LARGEST_BODY = 256 * 1024

POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: "default-src 'none'; style-src 'self'; img-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(),"
    " usb=(), display-capture=(), browsing-topics=(), interest-cohort=()",
    "Cache-Control": "no-store",
}
"""On every response. A response may set its own ``Cache-Control``, and a page with
charts the policy of `SCRIPTS`."""

SCRIPTS = {POLICY: f"{HEADERS[POLICY]}; script-src 'self'"}
UNCHANGING = {"Cache-Control": "public, max-age=31536000, immutable"}
"""For what has a name that changes with its content."""

ONE_YEAR = 365 * 24 * 3600

logger = logging.getLogger(__name__)


class Protection:
    """ASGI middleware outside everything else.

    Parameters
    ----------
    app : ASGIApp
    last_resort : callable
        Makes the page for an error that nobody expected.
    https_only : bool
        Tell browsers to come back with HTTPS only.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        last_resort: Callable[[Request], Response],
        https_only: bool,
    ) -> None:
        self._app = app
        self._last_resort = last_resort
        self._headers = dict(HEADERS)
        if https_only:
            self._headers["Strict-Transport-Security"] = (
                f"max-age={ONE_YEAR}; includeSubDomains"
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # the server sends the headers alone
            scope = {**scope, "method": "GET"}
        status = 0

        async def send_protected(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, _limited(scope, receive), send_protected)
        except Exception as error:
            logger.error("unexpected %s", type(error).__name__)
            if not status:
                page = self._last_resort(Request(scope))
                await page(scope, receive, send_protected)
        route = getattr(scope.get("route"), "path", "no route")
        logger.info("%s %s %dxx", scope["method"], route, status // 100)


def _limited(scope: Scope, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """Count what comes in; the length that was declared is not believed alone."""
    declared = Request(scope).headers.get("content-length", "0")
    received = int(declared) if declared.isdecimal() else 0
    counted = 0

    async def receive_limited() -> Message:
        nonlocal counted
        message = await receive()
        counted += len(message.get("body", b""))
        if max(received, counted) > LARGEST_BODY:
            raise BodyTooLarge(f"the body has more than {LARGEST_BODY} bytes")
        return message

    return receive_limited
