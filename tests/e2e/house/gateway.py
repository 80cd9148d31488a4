"""The program under test, as an operator runs it."""

import json
import os
import subprocess
from pathlib import Path

from .client import Client
from .processes import Process, free_port, until

ROOT = Path(__file__).parents[3]


def binary():
    named = os.environ.get("YUMEN_BIN")
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "yumen"
    path = Path(named) if named else built
    assert path.is_file(), f"{path} is missing: build it (cargo build), or name another in YUMEN_BIN"
    return path


# What a verb exits with where a person must allow the terminal first.
LOGIN_NEEDED = 4


def run(*words, seconds=60, env=None):
    """Runs a verb to its end."""
    argv = [str(word) for word in (binary(), *words)]
    env = {**os.environ, **(env or {})}
    return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, env=env)


def succeeded(ended):
    """What a verb that must succeed printed."""
    assert ended.returncode == 0, f"{ended.args}\n{ended.stdout}\n-- stderr --\n{ended.stderr}"
    return ended.stdout


CONFIG = """\
listen = ["127.0.0.1:{port}"]
data = "{data}"
public_port = {port}
hsts = false

[portal]
host = "{layout.portal}"

[[tls.certificates]]
chain = "{chain}"
key = "{key}"

[monitoring]
listen = "127.0.0.1:0"

# Many people sign in from one address here, and one of them asks as fast as she can.
[sign_in]
per_address_per_minute = 10000
nameless_per_address_per_minute = 10000
per_account_per_minute = 1000
overall_per_minute = 10000

[rates]
per_person_per_second = 100000
burst = 100000

[[app]]
id = "sites"
name = {{ zh = "政务网站群系统", ug = "ھۆكۈمەت تور بېكەتلىرى توپى", en = "Government website cluster" }}
host = "{layout.sites}"
upstreams = ["http://127.0.0.1:{site}"]
label = "internal"
max_body = "100MiB"

[[app.rule]]
name = "editors"
roles = ["member"]

[[app]]
id = "echo"
name = {{ zh = "政府信息公开系统", ug = "ھۆكۈمەت ئۇچۇرلىرىنى ئاشكارىلاش سىستېمىسى", en = "Information disclosure" }}
host = "{layout.echo}"
upstreams = ["http://127.0.0.1:{echo}"]
label = "public"
websocket = true

[[app.rule]]
name = "listeners"
roles = ["member"]

[[app]]
id = "closed"
name = {{ zh = "财政预算管理系统", ug = "مالىيە خامچوتىنى باشقۇرۇش سىستېمىسى", en = "Budget administration" }}
host = "{layout.closed}"
upstreams = ["http://127.0.0.1:{nowhere}"]
label = "sensitive"

[[app.rule]]
name = "treasury"
units = ["财政局"]
roles = ["member"]
"""


class Gateway:
    def __init__(self, folder, layout, authority, site, echo, port, more=""):
        self.folder, self.layout, self.ca = folder, layout, authority.path
        self.port = port
        self.data = folder / "data"
        self.config = folder / "yumen.toml"
        chain, key = authority.issue(*layout.hosts)
        self.config.write_text(
            CONFIG.format(
                port=self.port,
                data=self.data,
                layout=layout,
                chain=chain,
                key=key,
                site=site.port,
                echo=echo.port,
                nowhere=free_port(),
            )
            + more
        )
        self.process = None
        # Whoever can allow a terminal: takes the link of `yumen login`.
        self.allow_terminal = None

    def url(self, host, path="/"):
        return f"https://{host}:{self.port}{path}"

    @property
    def portal(self):
        return self.url(self.layout.portal)

    def client(self, host, cookies=None):
        return Client(host, self.port, self.ca, cookies)

    def start(self):
        self.process = Process([binary(), "serve", "--config", self.config])
        until(self.answers, 30, "the gateway answers")
        return self

    def answers(self):
        assert self.process.running(), f"the gateway ended\n{self.process.story()}"
        try:
            with self.client(self.layout.portal) as client:
                return client.ask("GET", "/sign-in").status == 200
        except OSError:
            return False

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    # Verbs.

    @property
    def env(self):
        """Where the login of this gateway's terminal is kept."""
        kept = self.folder / "terminal"
        kept.mkdir(mode=0o700, exist_ok=True)
        return {"XDG_RUNTIME_DIR": str(kept)}

    def run(self, *words):
        return run(*words, "--data", self.data, env=self.env)

    def done(self, *words):
        """A verb that must succeed; somebody logs in for it where that is needed."""
        ended = self.run(*words)
        if ended.returncode == LOGIN_NEEDED:
            self.log_in()
            ended = self.run(*words)
        return succeeded(ended)

    def begin_login(self):
        """A terminal that waits, and its link."""
        login = Process([binary(), "login", "--link", "--data", self.data], env=self.env)
        return login, login.line()

    def log_in(self):
        login, link = self.begin_login()
        self.allow_terminal(link)
        assert login.wait(20) == 0, login.story()

    def invite(self, name, unit, role="member"):
        """The link of an invitation."""
        out = self.done("account", "invite", name, "--unit", unit, "--role", role)
        return out.strip().splitlines()[-1]

    def account(self, verb, *words):
        return self.done("account", verb, *words)

    def token(self, verb, *words):
        return self.done("token", verb, *words)

    def stock(self, *serials):
        """Puts code tokens with these serial numbers into the drawer."""
        file = self.folder / f"{serials[0]}.csv"
        file.write_text("".join(f"{serial},{'31' * 20}\n" for serial in serials))
        return self.token("import", file)

    def audit(self, *words):
        """The records, as `audit tail` prints them."""
        out = self.done("audit", "tail", "--json", "--since", "2000-01-01T00:00:00Z", *words)
        return [json.loads(line) for line in out.splitlines() if line.strip()]
