"""What is asked of a peer: by h2load and curl where they can, by Python's own TLS for handshakes and idle connections."""

import re
import socket
import ssl

from peers import BULK, HOST
from processes import run

SUITE, GROUP = "TLS_AES_128_GCM_SHA256", "X25519"

# What a browser sends when a person opens a page.
FIELDS = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language": "zh-CN,zh;q=0.9,en;q=0.8",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "referer": f"https://{HOST}/",
}


def fields(peer):
    return [word for name, value in {**FIELDS, "cookie": peer.cookie}.items() for word in ("-H", f"{name}: {value}")]


def _h2load(peer, *words, seconds):
    words = (*words, "--tls13-ciphers", SUITE, "--groups", GROUP, f"--connect-to=127.0.0.1:{peer.port}")
    told = run("h2load", *words, *fields(peer), f"https://{HOST}/", seconds=seconds)
    if f"Cipher: {SUITE}" not in told:
        raise RuntimeError(f"{peer.name}: another cipher than {SUITE}\n{told}")
    count = int(re.search(r"status codes: (\d+) 2xx", told)[1])
    total = re.search(r"requests: (\d+) total.*?(\d+) failed, (\d+) errored, (\d+) timeout", told)
    if count == 0 or any(int(total[number]) for number in (2, 3, 4)) or not re.search(r"2xx, 0 3xx, 0 4xx, 0 5xx", told):
        raise RuntimeError(f"{peer.name}: not every answer was good\n{told}")
    return count, told


def requests(peer, protocol, count):
    """Requests as fast as they are answered, 32 at a time; how many a second."""
    at_once = {"h1": ("--h1", "-c", 32), "h2": ("-c", 8, "-m", 4)}[protocol]
    done, told = _h2load(peer, "-n", count, *at_once, seconds=300)
    if done != count:
        raise RuntimeError(f"{peer.name}: {done} of {count} requests were answered\n{told}")
    return float(re.search(r"([\d.]+) req/s", told)[1])


def steady(peer, rate, seconds, log):
    """HTTP/1.1 requests at a rate, for so long; how long each took, in milliseconds, in order of length."""
    clients = 32
    words = ("--h1", "-c", clients, "--rps", f"{max(rate / clients, 1):.2f}", "-D", seconds, f"--log-file={log}")
    log.unlink(missing_ok=True)
    _h2load(peer, *words, seconds=seconds + 60)
    lines = (line.split("\t") for line in log.read_text().splitlines())
    return sorted(int(line[2]) / 1000 for line in lines if line[1] == "200")


def _curl(peer, *words):
    url = words[-1]
    told = run(
        *("curl", "-sS", "--http1.1", "--max-time", "120"),
        *("-o", "/dev/null", "-w", "%{http_code} %{size_download} %{size_upload}"),
        *("--tls13-ciphers", SUITE, "--curves", GROUP, "--cacert", peer.house.folder / "ca.pem"),
        *("--connect-to", f"{HOST}:443:127.0.0.1:{peer.port}", *fields(peer), *words[:-1], f"https://{HOST}{url}"),
        seconds=150,
    )
    return [int(word) for word in told.split()]


def download(peer):
    status, down, _ = _curl(peer, "/files/bulk")
    if (status, down) != (200, BULK):
        raise RuntimeError(f"{peer.name}: a download gave {status} and {down} bytes")


def upload(peer):
    file = peer.house.folder / "files" / "bulk"
    # No "Expect: 100-continue", which would be one more turn for some and not for others.
    status, _, up = _curl(peer, "-T", file, "-H", "expect:", "-H", f"origin: https://{HOST}", "/sink")
    if (status, up) != (204, BULK):
        raise RuntimeError(f"{peer.name}: an upload gave {status} and {up} bytes")


class Clients:
    """Connections of this program's own, from many loopback addresses, as many people would come."""

    EACH = 200

    def __init__(self, peer):
        self.peer = peer
        self._context = ssl.create_default_context(cafile=peer.house.folder / "ca.pem")
        self._context.set_alpn_protocols(["http/1.1"])
        self._count = 0
        self._held = []

    def _connect(self):
        number = self._count // self.EACH
        self._count += 1
        source = (f"127.1.{number // 250 % 250}.{1 + number % 250}", 0)
        plain = socket.create_connection(("127.0.0.1", self.peer.port), timeout=30, source_address=source)
        # A session is never offered, so each handshake is a full one.
        secure = self._context.wrap_socket(plain, server_hostname=HOST)
        if secure.cipher()[0] != SUITE or secure.version() != "TLSv1.3":
            raise RuntimeError(f"{self.peer.name}: {secure.cipher()} and not {SUITE}")
        return secure

    def handshakes(self, count):
        for _ in range(count):
            self._connect().close()

    def hold(self, count):
        """Opens connections until there are so many; each asks once and then stays."""
        head = "".join(f"{name}: {value}\r\n" for name, value in {**FIELDS, "cookie": self.peer.cookie}.items())
        request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n{head}\r\n".encode()
        while len(self._held) < count:
            secure = self._connect()
            secure.sendall(request)
            answer = b""
            while not answer.endswith(b"k" * 1024):
                data = secure.recv(65536)
                if not data or not answer.startswith(b"HTTP/1.1 200"[: len(answer)]):
                    raise RuntimeError(f"{self.peer.name}: {answer[:500]!r}")
                answer += data
            self._held.append(secure)

    def leave(self):
        for secure in self._held:
            secure.close()
        self._held = []
