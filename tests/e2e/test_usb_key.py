"""Sign-in with a USB-KEY: a PKCS#11 token whose key was made in it, by curl and in a browser's real window; and everything that is refused."""

import html
import itertools
import json
import os
import re
import subprocess

import pytest
from house.browser import Browser
from house.certs import _usage
from house.house import House
from house.layout import LOCALHOST
from house.people import Person
from house.processes import until
from house.usb_key import City, Drawer, Policy, Screen, Shell, UsbKey, plug_into

_numbers = itertools.count(1)

CONFIG = """
# All refusals come from one address here, and each is looked for in the log.
[log]
strangers_per_minute = 1000
strangers_per_minute_overall = 10000

[usb_keys]
host = "{host}"

[[usb_keys.authorities]]
name = "own"
issued_here = true
hardware_only = true

[[usb_keys.authorities]]
name = "city"
certificates = "{city.certificate}"
crls = ["{city.list}"]
match = "common-name"
hardware_only = true
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return City(tmp_path_factory.mktemp("usb") / "city")


@pytest.fixture(scope="module")
def drawer(tmp_path_factory):
    return Drawer(tmp_path_factory.mktemp("usb") / "drawer")


@pytest.fixture(scope="module")
def house(authority, city, tmp_path_factory):
    """One layout is enough: what differs between them is where cookies go, and the host of USB-KEYs has none."""
    house = House(tmp_path_factory.mktemp("usb") / "house", LOCALHOST, authority, more=CONFIG.format(host=LOCALHOST.key, city=city))
    house.gateway.token("create-authority")
    trust_it(house)
    yield house
    house.close()


def trust_it(house):
    """The authority came after the first security administrator, so it waits until she says that it is trusted; she is alone."""
    office, warden, changes = house.hands("office"), house.warden(), house.url("portal", "/console/changes")
    office.sign_in(warden, changes)
    until(lambda: office.browser.open(changes).has("#untrusted form"), 20, "the authority waits")
    office.browser.submit("#untrusted form")
    office.use_key(warden)
    office.browser.see("#alert.done")
    office.browser.open(changes)
    assert not office.browser.has("#untrusted form")


def issue(house, drawer, person, kind="EC:prime256v1"):
    """A USB-KEY with a certificate of the gateway's own, in her hands."""
    usb_key = UsbKey(drawer, f"UK-{next(_numbers):04}", kind)
    file = drawer.folder / f"{usb_key.serial}.pem"
    words = (usb_key.request("/CN=root"), "--account", person.name, "--serial", usb_key.serial, "--out", file)
    house.gateway.token("issue-certificate", *words)
    usb_key.hold(file)
    return usb_key


def shell(house, drawer):
    return Shell(house, drawer, f"shell{next(_numbers)}")


def state_of(house, usb_key):
    listed = json.loads(house.gateway.token("list", "--json"))
    return next(token["state"] for token in listed if token["serial"] == usb_key.serial)


def refused(house, drawer, usb_key, why, certificate=None):
    """The page says no, nobody is signed in, and the log says why."""
    somebody = shell(house, drawer)
    status, leads, page = somebody.show(somebody.ask(), usb_key, certificate=certificate)
    assert status == 403 and not leads and 'id="error"' in page, f"{status} {leads}\n{page}"
    assert not somebody.is_in()

    reference = re.search(r'id="reference"[^>]*>([^<]+)<', page)[1]

    def said():
        return [record.get("details", {}).get("why", "") for record in house.gateway.audit() if record.get("reference") == reference]

    assert any(why in one for one in until(lambda: [one for one in said() if one], 20, f"{why} is on record")), said()
    return page


@pytest.mark.parametrize("kind", ["rsa:2048", "EC:prime256v1", "EC:secp384r1"])
def test_a_person_signs_in_with_a_key_that_was_made_in_her_token(house, drawer, kind):
    person = house.person()
    usb_key = issue(house, drawer, person, kind)
    assert state_of(house, usb_key) == "issued"
    issuer = shell(house, drawer)
    issuer.sign_in(usb_key)
    assert not issuer.is_in() and state_of(house, usb_key) == "issued", "whoever issued it has not her password"
    somebody = shell(house, drawer)
    somebody.sign_in(usb_key, person.password)
    assert somebody.is_in()
    assert state_of(house, usb_key) == "active"
    again = shell(house, drawer)
    again.sign_in(usb_key)
    assert again.is_in(), "from then on it is enough"


def test_without_the_pin_or_the_token_there_is_no_sign_in(house, drawer):
    person = house.person()
    usb_key = issue(house, drawer, person)
    somebody = shell(house, drawer)
    link = somebody.ask()
    for pin, uri in [("000000", None), (None, "pkcs11:token=nowhere;id=%01;type=private;pin-value=284751")]:
        broken = UsbKey.__new__(UsbKey)
        broken.__dict__ = {**usb_key.__dict__}
        if uri:
            broken.uri = lambda _pin, uri=uri: uri
        status, _, told = somebody.show(link, broken, pin=pin)
        assert status is None and "key" in told, told
    status, _, page = somebody.show(link)
    # Whoever names no language is told in Chinese.
    assert status == 403 and 'id="error"' in page and "没有出示证书" in page, page
    assert not somebody.is_in()
    assert state_of(house, usb_key) == "issued"


def test_a_certificate_of_another_authority_or_of_nobody_is_refused(house, drawer, city, tmp_path):
    person = house.person()
    usb_key = UsbKey(drawer, f"UK-{next(_numbers):04}")
    other = City(tmp_path / "other").certify(usb_key, person.name)
    refused(house, drawer, usb_key, "unknown-authority", other)
    refused(house, drawer, usb_key, "account", city.certify(usb_key, "nobody at all"))


def test_a_certificate_that_is_out_of_its_time_or_for_something_else_is_refused(house, drawer, city):
    person = house.person()
    usb_key = UsbKey(drawer, f"UK-{next(_numbers):04}")
    refused(house, drawer, usb_key, "expired", city.certify(usb_key, person.name, begins=-10, ends=-1))
    refused(house, drawer, usb_key, "not-yet-valid", city.certify(usb_key, person.name, begins=1))
    refused(house, drawer, usb_key, "not-for-client-login", city.certify(usb_key, person.name, usage=_usage(key_encipherment=True)))
    # The same key and the same person with a certificate in which all is well.
    usb_key.hold(city.certify(usb_key, person.name))
    somebody = shell(house, drawer)
    somebody.sign_in(usb_key)
    assert somebody.is_in()


def test_a_certificate_on_its_authoritys_new_list_is_refused_without_a_restart(house, drawer, city):
    person = house.person()
    usb_key = UsbKey(drawer, f"UK-{next(_numbers):04}")
    usb_key.hold(city.certify(usb_key, person.name))
    first = shell(house, drawer)
    first.sign_in(usb_key)
    assert first.is_in()
    city.revoke(usb_key.certificate)

    def is_refused():
        somebody = shell(house, drawer)
        return somebody.show(somebody.ask(), usb_key)[0] == 403

    until(is_refused, 10, "the new list counts")
    refused(house, drawer, usb_key, "revoked")
    city.revoke()


def test_a_lost_usb_key_opens_nothing_more_and_ends_what_it_opened(house, drawer):
    person = house.person()
    usb_key = issue(house, drawer, person)
    somebody = shell(house, drawer)
    somebody.sign_in(usb_key, person.password)
    assert somebody.is_in()
    house.gateway.token("lost", usb_key.serial)
    until(lambda: not somebody.is_in(), 5, "its session ends")
    # Its state says so at once, and then the list does as well.
    other = shell(house, drawer)
    assert other.show(other.ask(), usb_key)[0] == 403


def test_nobody_gets_in_after_her_password_with_another_persons_usb_key(house, drawer):
    wang, li = house.person(), house.person()
    usb_key = issue(house, drawer, li)
    hands = house.hands()
    hands.browser.forget()
    hands.browser.open(house.url("portal"))
    hands.type_password(wang)
    hands.browser.see("form#webauthn")
    hands.browser.submit("form#usb-key")
    link = hands.browser.see("a#show-usb-key").get_attribute("href")
    assert shell(house, drawer).show(link, usb_key)[0] == 403
    # What was asked of nobody in particular is answered only to the browser that asked.
    thief, victim = shell(house, drawer), shell(house, drawer)
    _, leads, _ = thief.show(victim.ask(), usb_key)
    thief.at_portal("/sign-in")
    thief.at_portal(leads)
    assert not thief.is_in()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_connection_that_is_begun_again_has_to_show_the_certificate_again(house, drawer, version, tmp_path):
    person = house.person()
    usb_key = issue(house, drawer, person)
    name, session = LOCALHOST.key, tmp_path / "session"
    base = ["openssl", "s_client", "-connect", f"127.0.0.1:{house.gateway.port}", "-servername", name, version]
    key = ["-engine", "pkcs11", "-keyform", "engine", "-key", usb_key.uri(), "-cert", str(usb_key.certificate)]
    head = f"GET /show HTTP/1.1\r\nHost: {name}:{house.gateway.port}\r\nConnection: close\r\n\r\n"

    def talk(*words):
        environment = {**os.environ, **drawer.environment}
        said = subprocess.run([*base, "-ign_eof", *words], env=environment, input=head, capture_output=True, text=True, timeout=30)
        return said.stdout

    first = talk(*key, "-sess_out", str(session))
    assert "New, TLS" in first and "HTTP/1.1" in first, first
    if session.exists():
        assert "Reused, TLS" not in talk("-sess_in", str(session))


# From the invitation on.


def test_a_person_who_was_invited_enrols_with_her_usb_key_and_signs_in_with_it_alone(house, drawer, city):
    person, usb_key = Person(), UsbKey(drawer, f"UK-{next(_numbers):04}")
    link = house.gateway.invite(person.name, person.unit)
    somebody = shell(house, drawer)
    somebody.open_invitation(link)
    page = somebody.choose_password(person)
    assert 'id="enrol-usb-key"' in page and 'id="enrol-finish"' not in page
    # The authority's own rule names somebody else in this one.
    usb_key.hold(city.certify(usb_key, "somebody else"))
    status, leads, page = somebody.enrol_with(usb_key)
    assert status == 403 and not leads and 'id="error"' in page, page
    usb_key.hold(city.certify(usb_key, person.name))
    page = somebody.enrolled_with(usb_key)
    assert f"CN={person.name}" in page
    status, _, page = somebody.submit(page, "enrol-finish")
    assert status == 200 and 'id="to-sign-in"' in page, page
    assert not somebody.is_in(), "an enrolment opens no session"
    later = shell(house, drawer)
    later.sign_in(usb_key)
    assert later.is_in()


def test_a_letter_and_the_usb_key_that_was_handed_out_with_it_lead_to_an_account(house, drawer, tmp_path):
    person, own = Person(), Person()
    people = tmp_path / "people.csv"
    people.write_text(f"name,unit\n{person.name},{person.unit}\n{own.name},{own.unit}\n")
    house.gateway.account("import", people)
    usb_key, other = issue(house, drawer, person), issue(house, drawer, own)
    letters = tmp_path / "letters.html"
    house.gateway.account("letters", people, "--out", letters)
    letter = next(one for one in letters.read_text().split("<article ")[1:] if f'data-name="{person.name}"' in one)
    code = html.unescape(re.search(r'<dd class="code"[^>]*>([^<]*)', letter)[1])
    somebody = shell(house, drawer)
    status, _, _ = somebody.open_letter(code, other.serial)
    assert status == 422, "the code works with the number of its own token alone"
    status, _, page = somebody.open_letter(code, usb_key.serial)
    assert status == 303, page
    page = somebody.choose_password(person)
    assert f'id="enrol-to-show" data-serial="{usb_key.serial}"' in page and 'id="enrol-finish"' not in page
    status, _, page = somebody.enrol_with(other)
    assert status == 403, f"it was issued to {own.name}\n{page}"
    page = somebody.enrolled_with(usb_key)
    assert f'data-usb-key="{usb_key.serial}"' in page and state_of(house, usb_key) == "issued"
    status, _, page = somebody.submit(page, "enrol-finish")
    assert status == 200 and 'id="to-sign-in"' in page, page
    assert state_of(house, usb_key) == "active"
    later = shell(house, drawer)
    later.sign_in(usb_key)
    assert later.is_in()


# In a browser's real window.


@pytest.fixture(scope="module")
def screen():
    screen = Screen()
    yield screen
    screen.close()


@pytest.fixture
def window(house, drawer, screen, tmp_path):
    """Opens a browser with the tokens that there are then."""
    opened, policy = [], Policy(house.url("key", ""))

    def open_with(tokens=drawer):
        folder = tmp_path / f"browser{len(opened)}"
        if tokens is not None:
            plug_into(folder / "home", house.authority.path, tokens)
        environment = {**screen.environment, **(tokens or drawer).environment}
        opened.append(Browser(folder, house.authority.path, window=environment))
        return opened[-1]

    yield open_with
    policy.close()
    for browser in opened:
        browser.close()


def lead_to_key_host(house, browser):
    browser.open(house.url("portal", "/sign-in"))
    browser.submit("form#usb-key")
    browser.see("a#show-usb-key")
    # The dialog of the PIN keeps the page from loading, for which the driver would wait.
    browser.driver.execute_script("setTimeout(() => document.querySelector('#show-usb-key').click(), 100)")


PIN = "Unlock"


def test_in_a_browser_the_pin_opens_the_usb_key_and_the_usb_key_the_portal(house, tmp_path, screen, window):
    person, own = house.person(), Drawer(tmp_path / "own")
    usb_key = issue(house, own, person)
    browser = window(own)
    lead_to_key_host(house, browser)
    screen.type_into(PIN, usb_key.pin)
    browser.see("form#usb-key-password")
    browser.fill("form#usb-key-password [name=password]", person.password)
    browser.submit("form#usb-key-password")
    browser.see("form#sign-out")
    assert state_of(house, usb_key) == "active"


def test_in_a_browser_a_wrong_pin_and_no_usb_key_at_all_end_at_a_page_that_says_what_to_do(house, tmp_path, screen, window):
    person, own = house.person(), Drawer(tmp_path / "own")
    usb_key = issue(house, own, person)
    browser = window(own)
    lead_to_key_host(house, browser)
    screen.type_into(PIN, "000000")
    # It asks again, and she gives up.
    screen.dismiss(PIN)
    browser.see("#error[data-status='403']")
    browser.open(house.url("portal")).see("form#sign-in")
    assert state_of(house, usb_key) == "issued"
    without = window(None)
    lead_to_key_host(house, without)
    without.see("#error[data-status='403']")
    without.open(house.url("portal")).see("form#sign-in")
