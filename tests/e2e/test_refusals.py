"""Everyone else is refused, and every refusal is on record."""

import json
import time

from house.client import AS_PAGE, AS_SCRIPT


def records(house, reference):
    return [entry for entry in house.gateway.audit() if entry.get("reference") == reference]


def whole_record(house, reference):
    """Nobody waits for the end of an access, so it is on record a little later than the answer is here."""
    for _ in range(50):
        found = {entry["kind"]: entry for entry in records(house, reference)}
        if "closed" in found:
            break
        time.sleep(0.1)
    return found


def test_a_person_whom_no_rule_lets_in_gets_a_page_whose_reference_is_on_record(house, hands, member):
    hands.browser.forget()
    hands.browser.open(house.url("closed")).see("form#sign-in")
    hands.finish_sign_in(member)
    hands.browser.see("#error[data-status='403']")
    found = records(house, hands.browser.text("#reference"))
    opened = next(entry for entry in found if entry["kind"] == "opened")
    assert opened["decision"] == "refused"
    assert opened["who"]["name"] == member.name


def test_a_person_whom_a_rule_lets_in_gets_through_to_the_app(house, hands):
    hands.sign_in(house.person(unit="财政局"))
    hands.browser.click("a#app-closed")
    # Nothing listens behind it: a page of the gateway's own says so.
    hands.browser.see("#error[data-status='502']")


def test_a_stranger_who_looks_at_pages_is_sent_to_sign_in(house):
    with house.client("sites") as client:
        answer = client.ask("GET", "/seen/?a=b", AS_PAGE)
    assert answer.status in (302, 303)
    assert answer.headers["Location"].startswith(house.url("portal", "/enter?"))
    nonce = answer.headers["Set-Cookie"]
    assert nonce.startswith("__Host-") and "Secure" in nonce and "HttpOnly" in nonce and "SameSite=Lax" in nonce


def test_a_script_without_a_session_gets_401_and_json_never_a_redirect(house):
    for fields in (AS_SCRIPT, {"Accept": "application/json"}, {**AS_PAGE, "Sec-Fetch-Mode": "no-cors"}):
        with house.client("sites") as client:
            answer = client.ask("GET", "/seen/", fields)
            assert (answer.status, answer.headers.get_content_type()) == (401, "application/json"), fields
            assert json.loads(answer.body)


def test_a_page_whose_session_has_ended_gets_401_for_its_scripts(house, hands, member):
    hands.sign_in(member, house.url("sites", "/"))
    ask = "fetch('/seen/').then(async a => done([a.status, a.redirected, await a.text()]), e => done([String(e)]))"
    assert hands.browser.js(ask)[:2] == [200, False]
    hands.browser.driver.delete_all_cookies()
    status, redirected, text = hands.browser.js(ask)
    assert (status, redirected) == (401, False) and json.loads(text)


def test_an_unknown_host_is_refused(house):
    with house.client("sites") as client:
        assert client.ask("GET", "/", {**AS_PAGE, "Host": "other.city.test"}).status == 421


def test_another_host_cannot_send_unsafe_requests(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    own = {"Accept": "text/html", "Origin": house.origin("sites"), "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    sibling = {**own, "Origin": house.origin("echo"), "Sec-Fetch-Site": "same-site"}
    with house.client("sites", cookies) as client:
        assert client.ask("POST", "/seen/", own, b"x").json()["length"] == 1
    with house.client("sites", cookies) as client:
        assert client.ask("POST", "/seen/", sibling, b"x").status == 403


def test_a_cookie_of_one_host_is_worth_nothing_on_another(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    with house.client("echo", cookies) as client:
        assert client.ask("GET", "/", AS_SCRIPT).status == 401
    with house.client("portal", cookies) as client:
        assert client.ask("GET", "/keys", AS_PAGE).status != 200


def test_every_access_is_on_record_with_who_and_what(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    with house.client("sites", cookies) as client:
        answer = client.ask("GET", "/seen/?secret=1", AS_PAGE)
    found = whole_record(house, answer.reference)
    assert set(found) == {"opened", "closed"}
    opened, closed = found["opened"], found["closed"]
    assert (opened["who"]["name"], opened["app"], opened["method"], opened["path"]) == (member.name, "sites", "GET", "/seen/")
    assert (opened["decision"], closed["status"], closed["bytes_down"]) == ("allowed", 200, len(answer.body))
    assert "secret" not in json.dumps(found)
    assert all(value not in json.dumps(house.gateway.audit()) for value in cookies.values())
    names = {entry["app"] for entry in house.gateway.audit("--app", "sites", "--account", member.name) if entry["kind"] == "opened"}
    assert names == {"sites"}
