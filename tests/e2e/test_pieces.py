"""The pieces that the other tests stand on, each alone: if one of these fails, look here first.

No gateway runs here.
"""

import http.server
import ssl
import threading

import pytest
from house.behind import Echo, Site
from house.browser import Browser
from house.certs import Authority
from house.client import AS_SCRIPT, Client
from house.people import KEEPS_ACCOUNTS, Hands, Person, put_away
from websockets.sync.client import connect

CREATE = """
navigator.credentials.create({publicKey: {
  challenge: new Uint8Array(32), rp: {name: 'x', id: location.hostname},
  user: {id: new Uint8Array(16), name: 'x', displayName: 'x'},
  pubKeyCredParams: [{type: 'public-key', alg: -7}],
  authenticatorSelection: {userVerification: 'required'}, attestation: 'direct', timeout: 4000,
}}).then(key => done(key.type), error => done(error.name));
"""


# With an empty list of keys only one that keeps the account in it can answer.
GET = """
navigator.credentials.get({publicKey: {
  challenge: new Uint8Array(32), rpId: location.hostname, userVerification: 'required', timeout: 4000,
}}).then(key => done(key.response.userHandle ? key.response.userHandle.byteLength : 0), error => done(error.name));
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", "__Host-x=1; Secure; HttpOnly; Path=/; SameSite=Lax")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>x</title><h1>x</h1>")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def page(authority):
    chain, key = authority.issue("gate.localhost", "gate.city.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.mark.parametrize("host", ["gate.localhost", "gate.city.test"])
def test_the_browser_trusts_the_authority_and_makes_a_verified_key(tmp_path, authority, page, host):
    browser = Browser(tmp_path, authority.path, resolve="MAP *.city.test 127.0.0.1")
    try:
        browser.open(f"https://{host}:{page}/").see("h1")
        assert browser.cookies() == {"__Host-x": "1"}
        browser.plug_in()
        assert browser.js(CREATE) == "public-key"
        assert len(browser.credentials()) == 1
        first = browser.tab
        held = browser.credentials()
        browser.new_tab()
        browser.open(f"https://{host}:{page}/").carry_key_to_this_tab(held)
        assert [one["credentialId"] for one in browser.credentials()] == [one["credentialId"] for one in held]
        browser.close_tab(first)
        browser.verifies(False)
        assert browser.js(CREATE) == "NotAllowedError"
        browser.unplug()
    finally:
        browser.close()


def test_a_key_goes_from_tab_to_tab_with_the_account_in_it(tmp_path, authority, page):
    browser = Browser(tmp_path, authority.path)
    try:
        hands, person = Hands(browser, f"https://gate.localhost:{page}/"), Person()
        with browser.scripted(KEEPS_ACCOUNTS[True]):
            browser.open(hands.portal).see("h1")
            hands.hold(person)
            assert browser.js(CREATE) == "public-key"
        first = browser.tab
        second = browser.new_tab()
        browser.open(hands.portal).see("h1")
        for tab in (second, first):
            browser.to_tab(tab)
            hands.hold(person)
            assert browser.js(GET) == 16
        put_away(person)
        assert person.key[0]["isResidentCredential"] and person.key[0]["signCount"] == 3
        with browser.scripted(""):
            browser.open(hands.portal).see("h1")
            hands.hold(Person())
            assert browser.js(GET) == "NotAllowedError"
    finally:
        browser.close()


def test_the_client_reaches_a_host_by_its_name_and_checks_its_certificate(authority, page):
    with Client("gate.city.test", page, authority.path) as client:
        assert client.ask("GET", "/", AS_SCRIPT).status == 200
    with pytest.raises(ssl.SSLCertVerificationError), Client("other.city.test", page, authority.path) as client:
        client.ask("GET", "/")


def test_the_site_serves_its_admin_and_says_what_it_saw(tmp_path):
    import json
    import urllib.request

    site = Site(tmp_path / "site", "https://sites.localhost:1")
    try:
        address = f"http://127.0.0.1:{site.port}"
        with urllib.request.urlopen(f"{address}/admin/login/", timeout=20) as answer:
            assert b"csrfmiddlewaretoken" in answer.read()
        with urllib.request.urlopen(f"{address}/static/admin/css/base.css", timeout=20) as answer:
            assert answer.status == 200
        fields = {"Host": "sites.localhost:1", "X-Forwarded-Proto": "https", "X-Forwarded-User": "a"}
        with urllib.request.urlopen(urllib.request.Request(f"{address}/seen/", b"12345", fields), timeout=20) as answer:
            seen = json.load(answer)
        assert (seen["length"], seen["address"]) == (5, "https://sites.localhost:1/")
        assert seen["headers"]["X-Forwarded-User"] == "a"
    finally:
        site.stop()


def test_the_echo_says_back_what_it_hears():
    echo = Echo()
    try:
        with connect(f"ws://127.0.0.1:{echo.port}/") as socket:
            socket.send("玉门")
            assert socket.recv(timeout=5) == "玉门"
    finally:
        echo.stop()
