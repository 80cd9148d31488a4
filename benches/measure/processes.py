"""Processes that a run starts, what they cost, and their end."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

# The first core is the peer's, the last one carries the load, the upstream and this program.
CORES = sorted(os.sched_getaffinity(0))
PEER, LOAD = CORES[0], CORES[-1]

# The settings of this program's own TLS are nothing for what it starts.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}


def until(condition, seconds, what):
    """The first true answer of `condition`, asked again and again for at most `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def run(*words, seconds=60, env=None, check=True):
    """A command to its end, on the core of the load; what it printed."""
    argv = [str(word) for word in words]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL, env={**ENVIRONMENT, **(env or {})}
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


class Process:
    """A program in a session of its own, so that all that it starts can be found, counted and ended."""

    def __init__(self, argv, core, log, port, env=None):
        self.log = Path(log)
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(
                [str(word) for word in argv],
                env={**ENVIRONMENT, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        try:
            until(lambda: self._alive() and answers(port), 60, f"{argv[0]} listens")
        except BaseException:
            self.stop()
            raise

    def _alive(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.child.args} ended\n{self.log.read_text(errors='replace')[-3000:]}")
        return True

    def pids(self):
        """The program and all that it started."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[3]) == self.child.pid and fields[0] != "Z":
                    found.append(int(entry))
        return found

    def cpu(self):
        """Seconds of CPU so far, of all threads, by the kernel's clock of each process (clock_getcpuclockid(3)): the same
        account as utime and stime of /proc/PID/stat, to the nanosecond instead of the hundredth of a second."""
        self._alive()
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.pids())

    def memory(self):
        """Bytes of memory, with its share of what is shared (Pss)."""
        self._alive()
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        pids = self.pids()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                pass
        for pid in pids:
            try:
                if pid in self.pids():
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait(10)
