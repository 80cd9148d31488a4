"""`yumen demo`, as a newcomer meets it."""

import os
import re
import socket

import pytest
from house.browser import Browser
from house.client import Client
from house.gateway import binary, run
from house.people import Hands, Person
from house.processes import Process, free_port, until

# The form of each sample whose post is seen on its page, and a field of it.
SAMPLES = {
    "sites": ("form#publish", "form#publish [name=title]"),
    "disclosure": ("form[action='/submit']", "form[action='/submit'] [name=answer]"),
    "ug": ("form#edit", "form#edit [name=title]"),
}

# What the pages of all samples are made of.
WHO, FILE, SOCKET = "#visitor", "#files a", "/live"

ECHO = """
const socket = new WebSocket(`wss://${location.host}${arguments[0]}`);
socket.onopen = () => socket.send(arguments[1]);
socket.onmessage = event => done(String(event.data));
socket.onerror = () => done('error');
"""


class Demo:
    def __init__(self, data, port, *words):
        self.data, self.port = data, port
        self.process = Process([binary(), "demo", "--data", data, "--listen", f"127.0.0.1:{port}", *words])

    def started(self):
        until(self._answers, 30, "the demo answers")
        until(lambda: self.url("gate", "") in "\n".join(self.process.out), 10, "the portal's address is printed")
        return self

    def _answers(self):
        assert self.process.running(), f"the demo ended\n{self.process.story()}"
        try:
            with Client("gate.localhost", self.port, self.data / "certs" / "ca.pem") as client:
                return client.ask("GET", "/sign-in").status == 200
        except OSError:
            return False

    def url(self, host, path="/"):
        return f"https://{host}.localhost:{self.port}{path}"

    def link(self):
        """The enrolment link, if one was printed."""
        found = re.search(rf"{re.escape(self.url('gate', '/enrol'))}#\S+", "\n".join(self.process.out))
        return found and found[0]


@pytest.fixture
def demos(tmp_path):
    """Starts demos on one data directory and one port; ends what is left."""
    started, port = [], free_port()

    def start(*words):
        started.append(Demo(tmp_path / "data", port, *words))
        return started[-1].started()

    yield start
    for demo in started:
        demo.process.kill()


@pytest.fixture
def browsers(tmp_path):
    opened = []

    def browser(demo):
        opened.append(Browser(tmp_path / f"browser{len(opened)}", demo.data / "certs" / "ca.pem"))
        return Hands(opened[-1], demo.url("gate"))

    yield browser
    for one in opened:
        one.close()


def beyond_a_phone(browser):
    """How many pixels of the page one would have to push aside on a window that is 320 wide."""
    narrow = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    beyond = browser.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return beyond


def test_a_newcomer_follows_what_is_printed_and_works_in_all_three_samples(demos, browsers):
    demo = demos()
    assert str(demo.data / "certs" / "ca.pem") in "\n".join(demo.process.out)
    hands, person = browsers(demo), Person()
    hands.enrol(person, demo.link())
    hands.sign_in(person)
    browser = hands.browser
    for sample, (form, field) in SAMPLES.items():
        browser.open(demo.url("gate")).click(f"a#app-{sample}")
        browser.at(demo.url(sample))
        assert person.name in browser.text(WHO)
        assert beyond_a_phone(browser) <= 0, f"{sample} goes beyond a narrow screen"
        browser.fill(field, "你好 ياخشىمۇسىز <b>")
        browser.submit(form)
        browser.until(lambda: "你好 ياخشىمۇسىز <b>" in browser.text("body"), what="the note on the page")
        assert browser.js(ECHO, SOCKET, "hello") != "error"
        file = browser.see(FILE).get_attribute("href")
        assert browser.js("fetch(arguments[0]).then(async a => done([a.status, (await a.blob()).size]))", file)[0] == 200


def test_the_data_directory_is_closed_to_others(demos):
    demo = demos()
    assert demo.data.stat().st_mode & 0o777 == 0o700


def test_a_second_start_goes_on_with_the_data_and_fresh_begins_anew(demos, browsers):
    first = demos()
    hands, person = browsers(first), Person()
    hands.enrol(person, first.link())
    assert first.process.interrupt() == 0
    second = demos()
    hands.sign_in(person)
    assert second.link() is None
    assert second.process.interrupt() == 0
    third = demos("--fresh", "--yes")
    assert third.link() not in (None, first.link())


def test_the_link_is_printed_again_while_nobody_has_enrolled(demos):
    first = demos()
    link = first.link()
    assert link and first.process.interrupt() == 0
    assert demos().link() not in (None, link)


def test_fresh_without_a_yes_keeps_the_data(demos):
    demo = demos()
    assert demo.process.interrupt() == 0
    ended = run("demo", "--data", demo.data, "--listen", f"127.0.0.1:{demo.port}", "--fresh")
    assert ended.returncode != 0
    assert (demo.data / "certs" / "ca.pem").exists()


def one_sentence(ended, *words):
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert ended.returncode != 0
    assert len(lines) == 1 and "panicked" not in lines[0], ended.stderr
    assert all(str(word) in lines[0] for word in words), lines[0]


def test_a_taken_port_is_said_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one_sentence(run("demo", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{port}"), port)


def test_a_data_directory_in_use_is_said_in_one_sentence(demos):
    demo = demos()
    one_sentence(run("demo", "--data", demo.data, "--listen", f"127.0.0.1:{free_port()}"), demo.data)
    assert demo.process.running()


def test_an_unwritable_directory_is_said_in_one_sentence(tmp_path):
    # A file where a directory would have to be stops root, too.
    (tmp_path / "file").write_text("x")
    one_sentence(run("demo", "--data", tmp_path / "file" / "data", "--listen", f"127.0.0.1:{free_port()}"), tmp_path / "file")
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        one_sentence(run("demo", "--data", tmp_path / "closed" / "data", "--listen", f"127.0.0.1:{free_port()}"))


def test_a_damaged_store_is_said_in_one_sentence(demos):
    demo = demos()
    assert demo.process.interrupt() == 0
    stores = [path for path in demo.data.rglob("*") if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]
    assert stores
    for store in stores:
        for side in ("-wal", "-shm"):
            store.with_name(store.name + side).unlink(missing_ok=True)
        store.write_bytes(b"not a database" * 1000)
    one_sentence(run("demo", "--data", demo.data, "--listen", f"127.0.0.1:{demo.port}"), stores[0].name)
