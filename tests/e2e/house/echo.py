"""A WebSocket that says back what it hears, and a page to open it from. Its port is the first line of output."""

import asyncio
from http import HTTPStatus

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

PAGE = b"<!doctype html><title>Echo</title><h1 id=echo>Echo</h1>"


async def echo(socket):
    async for message in socket:
        await socket.send(message)


def page(_, request):
    if "upgrade" in request.headers.get("Connection", "").lower():
        return None
    fields = Headers({"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(PAGE)), "Connection": "close"})
    return Response(HTTPStatus.OK, "OK", fields, PAGE)


async def main():
    async with serve(echo, "127.0.0.1", 0, process_request=page) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
