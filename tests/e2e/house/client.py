"""HTTP/1.1 over TLS without a browser: what a script, or an attacker, sends."""

import http.client
import json
import socket
import ssl

AS_PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}
AS_SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def reference(self):
        return self.headers["X-Request-Id"]


class _Connection(http.client.HTTPSConnection):
    """Names the host in SNI and Host, but goes to the loopback address whatever the resolver says."""

    source = ""

    def connect(self):
        bare = socket.create_connection(("127.0.0.1", self.port), self.timeout, source_address=(self.source, 0))
        self.sock = self._context.wrap_socket(bare, server_hostname=self.host)


class Client:
    """One connection, kept alive. `cookies`: a dict; `source`: the address that it comes from."""

    def __init__(self, host, port, ca, cookies=None, seconds=15, source=""):
        context = ssl.create_default_context(cafile=str(ca))
        self.origin = f"https://{host}:{port}"
        self.cookies = dict(cookies or {})
        self._connection = _Connection(host, port, timeout=seconds, context=context)
        self._connection.source = source

    def ask(self, method, path, headers=None, body=None):
        headers = dict(AS_PAGE if headers is None else headers)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._connection.request(method, path, body=body, headers=headers)
        return Answer(self._connection.getresponse())

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
