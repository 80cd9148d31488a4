"""Five hundred people in an afternoon: a list is imported, letters are printed, and one of them enrols by hers."""

import base64
import csv
import html
import io
import json
import os
import pty
import re
import secrets
import socket
import stat
import subprocess
import threading
from collections import Counter
from functools import cached_property
from pathlib import Path

import pytest
import zxingcpp
from house.gateway import binary
from house.people import Person
from PIL import Image

COUNT = 500
UNITS = ["宣传部", "财政局", "信息化办公室", "دىنىي ئىشلار ئىدارىسى", "Statistics Office"]


class Relay(threading.Thread):
    """Takes the place of the gateway's control socket, and kills the command when the answer to its `last` part has come: the gateway has
    done that part, and the command never learns it."""

    def __init__(self, gateway, last):
        super().__init__(daemon=True)
        self.place, self.real, self.last, self.victim = gateway.data / "control.sock", gateway.data / "moved.sock", last, None
        self.place.rename(self.real)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.place))
        self.listening.listen()

    def run(self):
        parts = 0
        while parts < self.last:
            near, _ = self.listening.accept()
            with near, socket.socket(socket.AF_UNIX) as far:
                ask = line_of(near)
                far.connect(str(self.real))
                far.sendall(ask)
                answer = line_of(far)
                parts += json.loads(ask)["ask"].get("from") is not None
                if parts == self.last:
                    self.victim.kill()
                else:
                    near.sendall(answer)
        self.listening.close()
        self.real.rename(self.place)


def line_of(connection):
    read = b""
    while not read.endswith(b"\n"):
        some = connection.recv(1 << 16)
        assert some, "the connection ended early"
        read += some
    return read


class City:
    """Everybody of a list, her token's seed, and her letter."""

    def __init__(self, house):
        self.house, self.mark = house, house.layout.name
        self.folder = house.folder / "city"
        self.folder.mkdir()
        self.seeds = {f"CT-{self.mark}-{number:04}".upper(): secrets.token_hex(20) for number in range(COUNT)}
        delivery = self.folder / "delivery.csv"
        delivery.write_text("".join(f"{serial},{seed},HOTP\n" for serial, seed in self.seeds.items()))
        house.gateway.token("import", delivery)
        self.people = {f"citizen{number:03} {self.mark}": serial for number, serial in enumerate(self.seeds)}
        self.list = self.folder / "people.csv"
        with self.list.open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["Token", "Name", "Unit", "Email"])
            for number, (name, serial) in enumerate(self.people.items()):
                rows.writerow([serial, name.title(), UNITS[number % len(UNITS)], f"c{number}@city.test"])
        self.letters = self.folder / "letters.html"

    def there(self):
        """Those of the list who have an account, by name."""
        accounts = json.loads(self.house.gateway.account("list", "--json"))
        return Counter(account["name"] for account in accounts if account["name"] in self.people)

    def tokens(self):
        listed = csv.DictReader(io.StringIO(self.house.gateway.token("list", "--csv")))
        return {row["serial"]: row for row in listed if row["serial"] in self.seeds}

    @cached_property
    def pages(self):
        return self.letters.read_text(encoding="utf-8").split("<article ")[1:]

    def letter(self, number):
        """The facts of a letter, as they stand in the file."""
        text = self.pages[number]
        fact = lambda name: re.search(f'<dd class="{name}"[^>]*>(?:<bdi[^>]*>)?([^<]*)', text)[1]  # noqa: E731
        facts = {name: html.unescape(fact(name)) for name in ("name", "unit", "serial", "code", "address")}
        facts["end"] = facts.pop("serial").removeprefix("…")
        return {**facts, "serial": self.people[facts["name"]]}


@pytest.fixture(scope="module")
def city(house):
    city = City(house)
    gateway = house.gateway
    # For the quarter of an hour that what follows takes: one that ended half-way would have to begin anew.
    gateway.log_in()
    rehearsed = gateway.account("import", city.list, "--dry-run")
    assert f"{COUNT} rows: {COUNT} new, 0 there already" in rehearsed and "nothing was done" in rehearsed, rehearsed
    assert not city.there()
    # Killed while its fourth part is done at the gateway.
    relay = Relay(gateway, last=4)
    command, env = [binary(), "account", "import", city.list, "--data", gateway.data], {**os.environ, **gateway.env}
    relay.victim = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    relay.start()
    assert relay.victim.wait(60) < 0, relay.victim.stderr.read()
    relay.join(60)
    assert len(city.there()) == 200
    again = gateway.account("import", city.list)
    assert "300 new, 200 there already" in again and "300 imported, 200 were there already" in again, again
    gateway.account("letters", city.list, "--out", city.letters)
    return city


def test_an_import_that_was_killed_goes_on_where_it_was_and_doubles_nobody(house, city):
    assert set(city.there()) == set(city.people) and set(city.there().values()) == {1}
    tokens = city.tokens()
    assert {serial: row["holder"] for serial, row in tokens.items()} == {serial: name for name, serial in city.people.items()}
    assert {row["state"] for row in tokens.values()} <= {"issued", "active"}
    records = [record for record in house.gateway.audit() if record["kind"] == "event" and record["outcome"] == "done"]
    of = lambda action: [record["details"] for record in records if record["action"] == action]  # noqa: E731
    assert Counter(one["name"] for one in of("account-invited") if one["name"] in city.people) == Counter(list(city.people))
    assert Counter(one["serial"] for one in of("token-issued") if one["serial"] in city.seeds) == Counter(list(city.seeds))
    parts = of("people-imported")
    assert sum(int(part["new"]) for part in parts) == COUNT and len({part["file"] for part in parts}) == 1


def test_an_import_with_anything_wrong_changes_nothing_and_says_where(house, city):
    wrong = city.folder / "wrong.csv"
    wrong.write_text("name,unit,role,token\nsomebody new,x,,\nboss,x,auditor,\nanother,x,,NO-SUCH-TOKEN\n")
    ended = house.gateway.run("account", "import", wrong)
    assert ended.returncode == 1 and "nothing was imported" in ended.stderr
    wrong.write_text(wrong.read_text().replace("auditor", ""))
    ended = house.gateway.run("account", "import", wrong)
    assert f"{wrong}:4: token: there is no token NO-SUCH-TOKEN" in ended.stderr, ended.stderr
    assert not {"somebody new", "boss"} & {account["name"] for account in json.loads(house.gateway.account("list", "--json"))}


def test_progress_is_shown_on_a_terminal_and_nowhere_else(house, city):
    command = [str(word) for word in (binary(), "account", "import", city.list, "--data", house.gateway.data)]
    watching, terminal = pty.openpty()
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, timeout=60, env={**os.environ, **house.gateway.env, "TERM": "xterm"})
    os.close(terminal)
    shown = os.read(watching, 1 << 16).decode()
    os.close(watching)
    assert ended.returncode == 0 and "] 450 of 500 people" in shown, shown
    assert house.gateway.run("account", "import", city.list).stderr == ""


def test_letters_are_one_page_each_private_and_made_once(house, city):
    assert stat.S_IMODE(city.letters.stat().st_mode) == 0o600
    text = city.letters.read_text()
    letters = [city.letter(number) for number in range(COUNT)]
    assert {letter["name"] for letter in letters} == set(city.people)
    assert all(letter["serial"].endswith(letter["end"]) and len(letter["end"]) == 4 for letter in letters)
    assert not any(serial in text for serial in city.seeds), "whoever has the paper alone does not know the number"
    assert len({letter["code"] for letter in letters}) == COUNT
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){4}", letter["code"]) for letter in letters)
    assert text.count("<article ") == COUNT and "<script" not in text and not re.search(r'(src|href)="', text)
    ended = house.gateway.run("account", "letters", city.list, "--out", city.letters)
    assert ended.returncode == 1 and "nobody waits for a letter" in ended.stderr and "--again" in ended.stderr, ended.stderr
    log = json.dumps(house.gateway.audit())
    assert not any(letter["code"] in log for letter in letters[:20])


def test_a_printed_letter_is_a_page_that_a_telephone_reads(house, hands, city, shots):
    browser, number = hands.browser, next(n for n in range(COUNT) if city.letter(n)["unit"] == UNITS[3])
    letter = city.letter(number)
    browser.open(city.letters.as_uri())
    browser.driver.execute_script(
        "document.querySelectorAll('article').forEach((one, at) => { if (at < arguments[0] || at > arguments[0] + 2) one.remove(); })", number
    )
    drawn = Image.open(io.BytesIO(browser.driver.find_element("css selector", ".qr svg").screenshot_as_png))
    read = zxingcpp.read_barcodes(drawn)
    assert [code.text for code in read] == [f"{letter['address']}#{letter['code']}"]
    assert letter["address"] == house.url("portal", "/enrol/letter")


    pdf = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False})["data"])
    (shots / f"letter-{house.layout.name}.pdf").write_bytes(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 3, "a page each"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    paper = {"width": 673, "height": 1016, "deviceScaleFactor": 2, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
    try:
        (shots / f"letter-{house.layout.name}.png").write_bytes(browser.driver.get_screenshot_as_png())
        directions = browser.driver.execute_script(
            "return [...document.querySelectorAll('article:first-of-type section')].map(one => [one.lang, getComputedStyle(one).direction])"
        )
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert directions == [["zh-Hans", "ltr"], ["ug", "rtl"], ["en", "ltr"]]


def test_a_person_enrols_by_her_letter_with_her_token_and_nobody_after_her(house, hands, city, shots):
    letter, other = city.letter(7), city.letter(8)
    person, browser = Person(letter["name"]), hands.browser
    browser.open(f"{letter['address']}#{letter['code']}")
    field = browser.see("form#enrol-letter [name=code]")
    assert field.get_attribute("value") == letter["code"] and "#" not in browser.url
    browser.shoot(shots / f"enrol-letter-{house.layout.name}.png")
    browser.fill("form#enrol-letter [name=serial]", other["serial"])
    browser.submit("form#enrol-letter")
    browser.see("#alert.error")
    browser.fill("form#enrol-letter [name=serial]", letter["serial"].lower())
    browser.submit("form#enrol-letter")
    hands.choose_password(person)
    browser.see("#enrol-to-show")
    code = subprocess.run(
        ["oathtool", "--hotp", "--counter=0", city.seeds[letter["serial"]]], capture_output=True, text=True, check=True, timeout=10
    )
    browser.fill("form#enrol-code [name=code]", code.stdout.strip())
    browser.submit("form#enrol-code")
    browser.submit("form#enrol-finish")
    browser.see("a#to-sign-in")
    assert city.tokens()[letter["serial"]]["state"] == "active"
    browser.forget()
    browser.open("about:blank").open(f"{letter['address']}#{letter['code']}")
    browser.fill("form#enrol-letter [name=serial]", letter["serial"])
    browser.submit("form#enrol-letter")
    browser.see("#alert.error")
    assert browser.has("form#enrol-letter")


def test_the_console_imports_a_list_and_gives_letters_as_a_file(house, city, warden, shots):
    hands = house.hands("office")
    hands.sign_in(warden)
    browser = hands.browser
    serial = f"OF-{city.mark}-1".upper()
    house.gateway.stock(serial)
    file = Path(city.folder / "few.csv")
    file.write_text(f"name,unit,token\nfew {city.mark},新办公室 {city.mark},{serial}\nfew,,\n")
    browser.open(house.url("portal", "/console/accounts/import"))
    browser.driver.find_element("css selector", "#people-file").send_keys(str(file))
    browser.until(lambda: browser.see("#people-text").get_attribute("value"), what="the file is in the field")
    browser.click("#people-rehearse")
    browser.see("#people-problems")
    browser.shoot(shots / f"people-problems-{city.mark}.png")
    file.write_text(file.read_text().replace("few,,\n", ""))
    browser.driver.find_element("css selector", "#people-file").send_keys(str(file))
    browser.until(lambda: "few,," not in browser.see("#people-text").get_attribute("value"), what="the mended file is in the field")
    browser.click("#people-rehearse")
    browser.see("#people-fits")
    browser.click("#people-submit")
    browser.see("#alert.done")
    assert int(browser.see("#letters-waiting").get_attribute("data-count")) >= 1
    browser.shoot(shots / f"letters-{city.mark}.png")


def test_letters_for_a_unit_alone_and_again(house, city):
    out = city.folder / "again"
    out.mkdir()
    old = city.letter(9)
    said = house.gateway.account("letters", "--out", out, "--unit", old["unit"], "--again")
    assert "letters.html" in said
    made = (out / "letters.html").read_text()
    assert old["code"] not in made and made.count("<article ") < COUNT
    assert set(re.findall(r'<dd class="unit"><bdi>([^<]*)', made)) == {html.escape(old["unit"])}
