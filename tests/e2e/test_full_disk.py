"""The disk of the log is full: nobody works, people still leave and an app is still closed, and with room it goes on by itself."""

import os
import shutil
import subprocess

import pytest

from house.house import House
from house.processes import until

# Smaller than any disk: a segment is full after about a thousand accesses.
SMALL = '\n[log]\nsegment = "1MiB"\nreserve = "16MiB"\n'


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own for the log, which the test can fill."""
    log = tmp_path / "house" / "data" / "audit"
    log.mkdir(parents=True)
    (tmp_path / "house" / "data").chmod(0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(log)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.fail(f"a small disk cannot be mounted here; run the tests as root: {mounted.stderr.strip()}")
    yield log
    subprocess.run(["umount", "--lazy", str(log)], check=True)


@pytest.fixture
def crowded_house(layout, authority, tmp_path, small_disk):
    house = House(tmp_path / "house", layout, authority, more=SMALL)
    yield house
    house.close()


def leave_half_a_segment(log):
    free = shutil.disk_usage(log).free
    with open(log / "ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free - (512 << 10))


@pytest.mark.timeout(200)
def test_a_full_disk_lets_people_leave_and_an_app_be_closed_and_goes_on_with_room(crowded_house, small_disk):
    house, gateway = crowded_house, crowded_house.gateway
    warden = house.warden()
    person = house.person()
    cookies = house.cookies_of(person, "sites", "/seen/")
    office = house.hands("office")
    office.sign_in(warden)
    gateway.log_in()
    leave_half_a_segment(small_disk)

    def ask():
        with house.client("sites", cookies) as client:
            for _ in range(200):
                answer = client.ask("GET", "/seen/", {"Accept": "application/json"})
                if answer.status != 200:
                    return answer
        return None

    refused = until(ask, 60, "the log has no room")
    assert refused.status == 503 and b"no-record" in refused.body, refused.body
    told = gateway.run("status").stdout
    assert "no room for its next file" in told, told

    # The console says so, and where one signs out is still shown.
    office.browser.open(house.url("portal", "/console/accounts")).see("#log-full")
    hands = house.hands()
    hands.browser.open(house.url("portal", "/sessions")).see("#sessions")
    hands.browser.submit("form#sign-out")
    hands.browser.see("#sign-in-again")
    assert "is closed" in gateway.done("lockdown", "--app", "echo")

    (small_disk / "ballast").unlink()
    until(lambda: gateway.run("status").returncode == 0 and "no room" not in gateway.run("status").stdout, 20, "it goes on")
    with house.client("portal") as client:
        assert client.ask("GET", "/sign-in").status == 200

    gateway.stop()
    events = [entry for entry in gateway.audit() if entry["kind"] == "event"]
    full = [entry["outcome"] for entry in events if entry["action"] == "log-full"]
    assert full == ["failed", "done"], full
    begun = next(entry["sequence"] for entry in events if entry["action"] == "log-full")
    ended = max(entry["sequence"] for entry in events if entry["action"] == "log-full")
    meanwhile = {entry["action"] for entry in events if begun < entry["sequence"] < ended}
    assert {"sign-out", "locked-down"} <= meanwhile, meanwhile
