"""The program behind `benches/run`: YUMEN SIGN_IN [--quick] [--rounds N] [measurement …]"""

import argparse
import os
import resource
import signal
import sys
from pathlib import Path

import instructions
from measures import NAMES, Bench, Sizes
from peers import House
from processes import CORES, LOAD, PEER
from table import markdown


def arguments():
    parser = argparse.ArgumentParser(prog="benches/run", description="Puts the gateway beside nginx, HAProxy and Caddy.")
    parser.add_argument("yumen", help=argparse.SUPPRESS)
    parser.add_argument("sign_in", help=argparse.SUPPRESS)
    names = f"{', '.join(NAMES)}, instructions; default: all"
    parser.add_argument("measurements", nargs="*", metavar="measurement", help=names)
    parser.add_argument("--quick", action="store_true", help="one short round of each; its figures mean nothing")
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer has its turn (default: 5)")
    asked = parser.parse_intermixed_args()
    unknown = set(asked.measurements) - {*NAMES, "instructions"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)} and instructions")
    if asked.rounds < 1:
        parser.error("--rounds: at least 1")
    return asked


def machine():
    """The kind of machine, without its name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    release = os.uname().release.split("-")[0]
    where = f"peer on core {PEER}, load and upstream on core {LOAD}"
    return f"{len(CORES)} cores of {model}, Linux {release}; {where}; load average {load_average()}"


def load_average():
    return Path("/proc/loadavg").read_text().split()[0]


def main():
    asked = arguments()
    if PEER == LOAD:
        sys.exit("Two cores are needed: one for the peer, one for the load and the upstream.")
    os.sched_setaffinity(0, {LOAD})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Ctrl-C and a service manager's word end it like an error does: what was started is stopped, the folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sizes = Sizes(asked.quick, 1 if asked.quick else asked.rounds)
    print(machine(), file=sys.stderr)
    house = House(Path(asked.yumen), Path(asked.sign_in))
    rows, counted = [], {}
    kept = Path(os.environ["CARGO_TARGET_DIR"]) / "callgrind"
    try:
        bench = Bench(house, sizes)
        for name in NAMES:
            if name in asked.measurements or not asked.measurements:
                print(f"── {name}", file=sys.stderr, flush=True)
                rows += getattr(bench, name)()
        if "instructions" in asked.measurements or not asked.measurements:
            print("── instructions", file=sys.stderr, flush=True)
            counted = instructions.count(house, 100 if asked.quick else 2_000, kept)
    finally:
        house.close()
        # Also of a run that was broken off.
        if rows:
            print(f"\nRatios: median of {sizes.rounds} rounds (least–most; median of the amount).\n")
            print(markdown(rows), flush=True)
        print(f"load average {load_average()}", file=sys.stderr)
    for protocol, amount in counted.items():
        print(f"\nInstructions of a request over {protocol}: {amount:,.0f} (callgrind_annotate {kept}/callgrind.out.*)")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
