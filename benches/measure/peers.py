"""The programs that are put beside each other, each before the same back office."""

import getpass
import grp
import os
import shutil
import tempfile
from pathlib import Path

from processes import LOAD, PEER, Process, free_port, run, until
from sink import Sink

CONFIGS = Path(__file__).parents[1] / "peers"
HOST, PORTAL = "app.bench.test", "gate.bench.test"
BULK = 100 << 20

NGINX, NGINX_AUTH, HAPROXY, CADDY, YUMEN, YUMEN_MEMORY = (
    "nginx",
    "nginx + auth_request",
    "HAProxy",
    "Caddy",
    "Yumen",
    "Yumen, record in memory",
)


class Peer:
    def __init__(self, house, name):
        self.house, self.name, self.port = house, name, free_port()
        # For the peers that know nobody it is just a cookie; the auth service of nginx looks it up.
        self.cookie = "theme=light; sessionid=" + "k" * 43
        self.processes = []

    def start(self):
        getattr(self, "_start_" + {NGINX_AUTH: "nginx_auth", YUMEN_MEMORY: "yumen"}.get(self.name, self.name.lower()))()

    def stop(self):
        for process in self.processes:
            process.stop()
        self.processes = []

    def cpu(self):
        return sum(process.cpu() for process in self.processes)

    def memory(self):
        return sum(process.memory() for process in self.processes)

    def _launch(self, argv, port=None, env=None):
        log = self.house.folder / f"{self.name}-{len(self.processes)}.out"
        self.processes.append(Process(argv, PEER, log, port or self.port, env))

    def _start_nginx(self):
        self._launch(["nginx", "-e", "/dev/null", "-c", self.house.config("nginx.conf", PORT=self.port)])

    def _start_nginx_auth(self):
        auth = free_port()
        service = self.house.config("nginx-auth-service.conf", AUTH=auth, SESSION="k" * 43)
        self._launch(["nginx", "-e", "/dev/null", "-c", service], port=auth)
        front = self.house.config("nginx-auth.conf", PORT=self.port, AUTH=auth)
        self._launch(["nginx", "-e", "/dev/null", "-c", front])

    def _start_haproxy(self):
        self._launch(["haproxy", "-db", "-f", self.house.config("haproxy.cfg", PORT=self.port)])

    def _start_caddy(self):
        config = self.house.config("Caddyfile", PORT=self.port)
        home = str(self.house.folder)
        env = {"GOMAXPROCS": "1", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}
        self._launch(["caddy", "run", "--adapter", "caddyfile", "--config", config], env=env)

    def _start_yumen(self, before=()):
        data = self.house.data(self.name)
        config = self.house.config("yumen.toml", f"{data.name}.toml", PORT=self.port, DATA=data)
        is_new = not (data / "yumen.db").exists()
        self._launch([*before, self.house.yumen, "serve", "--config", config])
        if is_new:
            # It listens a moment before it takes orders.
            until((data / "control.sock").exists, 30, "the gateway's control socket")
            link = run(self.house.yumen, "account", "invite", "bench", "--unit", "Bench", "--role", "member", "--data", data)
            link = link.strip().splitlines()[-1]
            words = (f"127.0.0.1:{self.port}", self.house.folder / "ca.pem", link, "bench", f"https://{HOST}/")
            self.house.cookies[data] = "theme=light; " + run(self.house.sign_in, *words, seconds=300).strip()
        self.cookie = self.house.cookies[data]

    def start_under(self, *before):
        """The gateway under another program, which watches it."""
        self._start_yumen(before)


class House:
    """What the peers share: a folder that is gone afterwards, the certificate, the back office."""

    def __init__(self, yumen, sign_in):
        self.yumen, self.sign_in = yumen, sign_in
        # Not in /tmp, which may be memory: the record must be on a disk.
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "yumen"
        cache.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=cache))
        self._in_memory = None
        self._everything = []
        # The signed-in person's, by data directory.
        self.cookies = {}
        try:
            self._certificate()
            (self.folder / "files").mkdir()
            (self.folder / "files" / "bulk").write_bytes(os.urandom(1 << 20) * (BULK >> 20))
            self._sink = Sink()
            self._upstream_port = free_port()
            config = self.config("upstream.conf", SINK=self._sink.port, KIB="k" * 1024)
            argv = ["nginx", "-e", "/dev/null", "-c", config]
            self._everything.append(Process(argv, LOAD, self.folder / "upstream.out", self._upstream_port))
        except BaseException:
            self.close()
            raise

    def peer(self, name, under=()):
        """A peer that runs; the gateway perhaps under another program, which watches it."""
        peer = Peer(self, name)
        self._everything.append(peer)
        if under:
            peer.start_under(*under)
        else:
            peer.start()
        return peer

    def stop_peers(self):
        for process in self._everything:
            if isinstance(process, Peer):
                process.stop()

    def config(self, template, name=None, **words):
        """The path of a config with its places filled in."""
        text = (CONFIGS / template).read_text()
        words.update(DIR=self.folder, HOST=HOST, PORTAL=PORTAL, UPSTREAM=self._upstream_port)
        words.update(USER=getpass.getuser(), GROUP=grp.getgrgid(os.getgid()).gr_name)
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        path = self.folder / (name or template)
        path.write_text(text)
        return path

    def data(self, name):
        if name != YUMEN_MEMORY:
            return self.folder / "data"
        if self._in_memory is None:
            self._in_memory = Path(tempfile.mkdtemp(prefix="yumen-bench-", dir="/dev/shm"))
        return self._in_memory / "data-in-memory"

    def _certificate(self):
        """An authority and one certificate for all peers: ECDSA with P-256."""

        def path(name):
            return self.folder / name

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        ca = [*key, "-subj", "/CN=Bench CA", "-keyout", path("ca.key"), "-out", path("ca.pem")]
        run("openssl", "req", "-x509", *ca, "-addext", "keyUsage=critical,keyCertSign")
        leaf = ["-subj", f"/CN={HOST}", "-keyout", path("chain.key"), "-out", path("leaf.csr")]
        run("openssl", "req", "-new", *key[:-2], *leaf)
        path("leaf.ext").write_text(
            f"subjectAltName=DNS:{HOST},DNS:{PORTAL}\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        signing = ["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", path("leaf.ext")]
        run("openssl", "x509", "-req", "-in", path("leaf.csr"), *signing, "-out", path("chain.pem"))
        path("chain.key").chmod(0o600)
        path("both.pem").touch(mode=0o600)
        path("both.pem").write_bytes(path("chain.pem").read_bytes() + path("chain.key").read_bytes())

    def close(self):
        for process in reversed(self._everything):
            process.stop()
        if hasattr(self, "_sink"):
            self._sink.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._in_memory:
            shutil.rmtree(self._in_memory, ignore_errors=True)
