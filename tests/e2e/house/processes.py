"""Processes that a test starts, and that end with it."""

import itertools
import os
import queue
import random
import signal
import socket
import subprocess
import threading
import time


def until(condition, seconds, what):
    """The first true answer of `condition`, asked again and again for at most `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


# Below what the kernel gives to whoever takes any port (ip_local_port_range begins at 32768): nobody else has it a moment later.
# From a place of its own, so that two runs on one machine do not go for the same ones.
PORTS = itertools.islice(itertools.cycle(range(28_000, 32_000)), random.randrange(4_000), None)


def free_port():
    for port in itertools.islice(PORTS, 4_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("each of 4000 ports is taken")


class Process:
    """A program whose output is read as it comes, so that it never waits for a reader."""

    def __init__(self, argv, env=None, cwd=None):
        self.argv = [str(word) for word in argv]
        self.out, self.err, self._fresh = [], [], queue.Queue()
        self.child = subprocess.Popen(
            self.argv,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._readers = [self._read(self.child.stdout, self.out), self._read(self.child.stderr, self.err)]

    def _read(self, stream, lines):
        def pump():
            for line in stream:
                lines.append(line.rstrip("\n"))
                if lines is self.out:
                    self._fresh.put(lines[-1])

        reader = threading.Thread(target=pump, daemon=True)
        reader.start()
        return reader

    def line(self, seconds=30):
        """The next line of output."""
        try:
            return self._fresh.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no output within {seconds} s\n{self.story()}") from None

    def running(self):
        return self.child.poll() is None

    def wait(self, seconds):
        code = self.child.wait(timeout=seconds)
        for reader in self._readers:
            reader.join(timeout=5)
        return code

    def stop(self, seconds=20):
        """Asks it to end, as a service manager does; its exit code."""
        if self.running():
            self.child.send_signal(signal.SIGTERM)
            try:
                return self.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"did not end within {seconds} s of SIGTERM\n{self.story()}") from None
        return self.wait(5)

    def interrupt(self, seconds=20):
        """Ctrl-C."""
        self.child.send_signal(signal.SIGINT)
        return self.wait(seconds)

    def kill(self):
        """kill -9, by its id."""
        if self.running():
            self.child.kill()
        self.wait(10)

    def story(self):
        return "\n".join(["$ " + " ".join(self.argv), *self.out[-40:], "-- stderr --", *self.err[-60:]])
