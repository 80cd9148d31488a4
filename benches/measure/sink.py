"""A back office that takes bodies and forgets them."""

import socket
import threading

ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n"


class Sink:
    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        room = memoryview(bytearray(1 << 20))
        with client:
            try:
                while _forget_one(client, room):
                    client.sendall(ANSWER)
            except OSError:
                pass

    def stop(self):
        self._listener.close()


def _forget_one(client, room):
    """Whether a whole request came. Peers send the length, as the client does; what is chunked would be an error here."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return False
        head += data
    fields, _, rest = head.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in fields.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    left = int(lengths[0]) - len(rest)
    while left > 0:
        count = client.recv_into(room, min(left, len(room)))
        if count == 0:
            return False
        left -= count
    return True
