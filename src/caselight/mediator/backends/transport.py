"""HTTP for one model server: only what is asked for leaves, and only a small JSON answer comes in.

The libraries above it read environment variables, describe the machine in headers, follow redirects
and read bodies of any size; here none of that passes. Source: decision 0041.
"""

import ssl
from collections.abc import AsyncIterator

import httpx2

MOST_BYTES = 1_000_000
"""An answer larger than this is not read further; a draft has a few thousand."""
_SENT = ("host", "content-type", "content-length")
"""All headers that leave, beside our own; others would tell of the machine or its user."""


class AnswerRefused(httpx2.TransportError):
    """An answer that is not read: what it was, in words that hold nothing of it."""


def system_certificates() -> ssl.SSLContext:
    """What the machine trusts, a hospital's own authority perhaps; reading it takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


class NarrowTransport(httpx2.AsyncBaseTransport):
    """Sends few headers; refuses redirects, compression, other types than JSON and large bodies.

    No proxy, no netrc and no certificate is taken from the environment. Certificates are checked
    against the system's own.
    """

    def __init__(self, trusted: ssl.SSLContext, *, api_key: str | None = None) -> None:
        """Open it; `trusted` is what `system_certificates` gave, `api_key` a bearer token."""
        self._api_key = api_key
        self._inner = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Pass one request on, once."""
        sent = {key: request.headers[key] for key in _SENT if key in request.headers}
        if self._api_key is not None:
            sent["authorization"] = f"Bearer {self._api_key}"
        # Uncompressed, so that the bound on bytes is one on what is unpacked, too.
        request.headers = httpx2.Headers(
            {**sent, "accept": "application/json", "accept-encoding": "identity"}
        )
        response = await self._inner.handle_async_request(request)
        wrong = _wrong(response)
        if wrong:
            await response.aclose()
            raise AnswerRefused(wrong)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in a refusal when it grows too large."""

    def __init__(self, stream: object) -> None:
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError("an asynchronous transport gives asynchronous bodies")
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes = 0
        async for part in self._stream:
            n_bytes += len(part)
            if n_bytes > MOST_BYTES:
                raise AnswerRefused(f"more than {MOST_BYTES:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _wrong(response: httpx2.Response) -> str | None:
    if 300 <= response.status_code < 400:
        return f"a redirect (HTTP {response.status_code}), and none is followed"
    if response.headers.get("content-encoding", "identity") != "identity":
        return "a compressed body that was not asked for"
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.is_success and kind != "application/json":
        return "a body that is not application/json"
    return None
