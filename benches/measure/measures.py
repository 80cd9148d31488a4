"""What is measured. Each measurement goes round and round over the peers (A B C D A B C D …), so that what else the machine does
falls on all of them."""

import sys
import time

from load import Clients, download, requests, steady, upload
from peers import CADDY, HAPROXY, NGINX, NGINX_AUTH, YUMEN, YUMEN_MEMORY
from table import Row

ALL = (NGINX, NGINX_AUTH, HAPROXY, CADDY, YUMEN)


class Sizes:
    """How much is asked, in a real run and in a quick one that only shows that it works."""

    def __init__(self, quick, rounds):
        self.rounds = rounds
        self.requests = 1_500 if quick else 30_000
        self.handshakes = 150 if quick else 3_000
        self.transfers = 1 if quick else 4
        self.seconds = 1 if quick else 8
        self.idle = (100, 300) if quick else (2_000, 8_000)
        self.settle = 0.5 if quick else 3


class Bench:
    def __init__(self, house, sizes):
        self.house, self.sizes = house, sizes
        self._peers = {}

    def peer(self, name):
        """A peer that runs, and is warm."""
        if name not in self._peers:
            peer = self._peers[name] = self.house.peer(name)
            for protocol in ("h1", "h2"):
                requests(peer, protocol, 500)
            Clients(peer).handshakes(50)
        return self._peers[name]

    def rounds(self, names, measure):
        """What `measure` gives for each peer in each round: {value: {peer: [of each round]}}."""
        peers = [self.peer(name) for name in names]
        seen = {}
        for number in range(self.sizes.rounds):
            for peer in peers:
                values = measure(peer)
                for value, amount in values.items():
                    seen.setdefault(value, {}).setdefault(peer.name, []).append(amount)
                told = ", ".join(f"{value} {amount:.4g}" for value, amount in values.items())
                print(f"  round {number + 1}, {peer.name}: {told}", file=sys.stderr, flush=True)
        return seen

    def _cost(self, peer, count, act):
        """Microseconds of CPU for each of `count`."""
        before = peer.cpu()
        act()
        return (peer.cpu() - before) / count * 1e6

    def _requests(self, protocol, what):
        count = self.sizes.requests

        def measure(peer):
            return {"cpu": self._cost(peer, count, lambda: requests(peer, protocol, count))}

        return [Row(what, "µs CPU", self.rounds(ALL, measure)["cpu"])]

    def h1(self):
        return self._requests("h1", "1 KiB request, HTTP/1.1 keep-alive")

    def h2(self):
        return self._requests("h2", "1 KiB request, HTTP/2")

    def handshake(self):
        count = self.sizes.handshakes
        measure = lambda peer: {"cpu": self._cost(peer, count, lambda: Clients(peer).handshakes(count))}
        return [Row("full handshake, TLS 1.3", "µs CPU", self.rounds(ALL, measure)["cpu"])]

    def _bulk(self, what, transfer):
        count = self.sizes.transfers

        def measure(peer):
            return {"cpu": self._cost(peer, count * 100, lambda: [transfer(peer) for _ in range(count)])}

        return [Row(what, "µs CPU per MiB", self.rounds(ALL, measure)["cpu"])]

    def down(self):
        return self._bulk("download of 100 MiB", download)

    def up(self):
        return self._bulk("upload of 100 MiB", upload)

    def p99(self):
        log = self.house.folder / "requests.log"

        def measure(peer):
            half = requests(peer, "h1", self.sizes.requests) / 2
            took = steady(peer, half, self.sizes.seconds, log)
            return {"p99": took[len(took) * 99 // 100], "rate": half}

        seen = self.rounds(ALL, measure)
        rate = Row("half of what saturates it, HTTP/1.1", "requests/s", seen["rate"])
        return [Row("p99 at that rate", "ms", seen["p99"]), rate]

    def idle(self):
        """A peer anew each time, because memory that was once used is seldom given back."""
        names = [f"{count:,}" for count in self.sizes.idle]
        seen = {name: {} for name in names}
        for _ in range(min(self.sizes.rounds, 3)):
            for name in ALL:
                for count, each in zip(names, self._idle_of(name)):
                    seen[count].setdefault(name, []).append(each)
        return [Row(f"idle connection, of {count}", "KiB", seen[count]) for count in names]

    def _idle_of(self, name):
        if name in self._peers:
            self._peers.pop(name).stop()
        peer = self.peer(name)
        time.sleep(self.sizes.settle)
        before, clients, found = peer.memory(), Clients(peer), []
        try:
            for count in self.sizes.idle:
                clients.hold(count)
                time.sleep(self.sizes.settle)
                found.append((peer.memory() - before) / count / 1024)
        finally:
            clients.leave()
        print(f"  idle, {name}: {', '.join(f'{each:.1f} KiB' for each in found)}", file=sys.stderr, flush=True)
        # The next one must not find its rooms still taken.
        self._peers.pop(name).stop()
        return found

    def record(self):
        """The same program with its data directory on the disk and in memory, where a sync costs next to nothing."""
        pair, log = (YUMEN_MEMORY, YUMEN), self.house.folder / "requests.log"
        count = self.sizes.requests
        slower = min(requests(self.peer(name), "h1", count) for name in pair) / 2

        def measure(peer):
            cpu = self._cost(peer, count, lambda: requests(peer, "h1", count))
            took = steady(peer, slower, self.sizes.seconds, log)
            return {"cpu": cpu, "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}

        seen = self.rounds(pair, measure)
        rows = [Row("1 KiB request, HTTP/1.1 keep-alive", "µs CPU", seen["cpu"], YUMEN_MEMORY)]
        for value in ("p50", "p99"):
            rows.append(Row(f"{value} at {slower:.0f} requests/s", "ms", seen[value], YUMEN_MEMORY))
        return rows


NAMES = ("h1", "h2", "handshake", "down", "up", "p99", "record", "idle")
