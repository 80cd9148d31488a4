"""`kill -9` under load loses no record of an access that was answered.

Killing a process does not lose the page cache: that the record was synced is proven elsewhere.
"""

import http.client
import os
import random
import threading

import pytest

ROUNDS = 10
THREADS = 4


class Load(threading.Thread):
    """Asks again and again until the gateway goes; keeps the reference of every answer."""

    def __init__(self, house, cookies, ended):
        super().__init__(daemon=True)
        self.house, self.cookies, self.ended = house, cookies, ended
        self.answered, self.strange = {}, []

    def run(self):
        unsafe = {"Accept": "*/*", "Origin": self.house.origin("sites"), "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        try:
            with self.house.client("sites", self.cookies) as client:
                while not self.ended.is_set():
                    for method, fields, body in (("GET", None, None), ("POST", unsafe, b"x" * 5000)):
                        answer = client.ask(method, "/seen/", fields, body)
                        self.answered[answer.reference] = answer.status
        except (OSError, http.client.HTTPException):
            pass  # The gateway was killed. What came before counts.
        except Exception as error:  # noqa: BLE001: a thread's error would be lost otherwise
            self.strange.append(error)


@pytest.mark.timeout(400)
def test_no_answered_access_is_lost(fresh_house):
    house = fresh_house
    seed = int(os.environ.get("YUMEN_SEED", random.randrange(2**32)))
    print(f"YUMEN_SEED={seed}")
    chance = random.Random(seed)
    person = house.person()
    cookies = house.cookies_of(person, "sites", "/seen/")
    answered = {}
    for _ in range(ROUNDS):
        ended = threading.Event()
        loads = [Load(house, cookies, ended) for _ in range(THREADS)]
        for load in loads:
            load.start()
        ended.wait(chance.uniform(0.05, 1.0))
        house.gateway.kill()
        ended.set()
        for load in loads:
            load.join(30)
            assert not load.is_alive() and not load.strange, load.strange
            answered.update(load.answered)
        house.gateway.start()
        records = house.gateway.audit()
        opened = {entry["reference"] for entry in records if entry["kind"] == "opened"}
        closed = {entry["reference"] for entry in records if entry["kind"] == "closed"}
        assert set(answered) <= opened, f"lost: {sorted(set(answered) - opened)[:5]}"
        assert set(answered) <= closed, "an access that was cut off was not closed at the start that followed"
        numbers = [entry["sequence"] for entry in records]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a gap in the sequence"
    assert sum(status == 200 for status in answered.values()) > ROUNDS, answered
