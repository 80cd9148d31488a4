"""Instructions of one request, counted by callgrind: the same on every machine and under any load, so one commit can be
compared with the next. Requests come one after the other on one connection, so each pays for a sync and its wake-ups alone."""

import re

from load import _h2load
from peers import YUMEN
from processes import run


def count(house, requests, keep):
    """Instructions of a request over HTTP/1.1 and HTTP/2; `keep` is where callgrind's files go, for callgrind_annotate."""
    keep.mkdir(parents=True, exist_ok=True)
    out = keep / "callgrind.out"
    for old in keep.glob("callgrind.out*"):
        old.unlink()
    # Signing in would take minutes there, and is done before.
    house.stop_peers()
    house.peer(YUMEN).stop()
    peer = house.peer(YUMEN, under=("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"))
    try:
        pid = peer.processes[0].child.pid
        found = {}
        for number, protocol in enumerate((("--h1", "-c", 1), ("-c", 1, "-m", 1)), start=1):
            _h2load(peer, "-n", 50, *protocol, seconds=120)
            run("callgrind_control", "--zero", pid)
            _h2load(peer, "-n", requests, *protocol, seconds=600)
            run("callgrind_control", "--dump", pid)
            dumped = (keep / f"callgrind.out.{number}").read_text()
            total = int(re.search(r"^(?:totals|summary): (\d+)", dumped, re.M)[1])
            found["HTTP/2" if number == 2 else "HTTP/1.1"] = total / requests
        return found
    finally:
        peer.stop()
