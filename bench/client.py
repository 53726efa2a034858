"""A small HTTP/1.1 client on asyncio: one connection for each request, so that a dead server is noticed at once."""

import asyncio
import json
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie


class Unreachable(Exception):
    """No whole answer came: refused, cut off, or too late."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Visitor:
    """Somebody with a session. `csrf` is the secret in cookie and header alike."""

    host: str
    port: int
    session: str
    csrf: str = "b" * 32

    async def get(self, path: str, *, htmx: bool = False, timeout: float = 20) -> Reply:
        return await self._ask("GET", path, b"", {"HX-Request": "true"} if htmx else {}, timeout)

    async def post_json(self, path: str, body: dict, *, timeout: float = 20) -> Reply:
        return await self._ask("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"}, timeout)

    async def post(self, path: str, body: bytes = b"", *, timeout: float = 20) -> Reply:
        return await self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"}, timeout)

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str], timeout: float) -> Reply:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout):
                status, fields, content = await self._exchange(method, path, body, headers)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise Unreachable(f"{method} {path}: {type(error).__name__} {error}") from error
        return Reply(status, fields, content, time.perf_counter() - started)

    async def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            lines = {
                "Host": f"{self.host}:{self.port}",
                "Connection": "close",
                "Cookie": f"sessionid={self.session}; csrftoken={self.csrf}",
                "X-CSRFToken": self.csrf,
                "Content-Length": str(len(body)),
                **headers,
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
            await writer.drain()
            top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in top[1:] if line)}
            if "set-cookie" in fields and "sessionid" in (cookie := SimpleCookie(fields["set-cookie"])):
                self.session = cookie["sessionid"].value
            content = await _content(reader, fields)
            return int(top[0].split()[1]), fields, content
        finally:
            writer.close()


async def _content(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    if fields.get("transfer-encoding") != "chunked":
        return await reader.read()
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    return b"".join(parts)
