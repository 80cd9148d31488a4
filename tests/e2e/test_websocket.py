"""A WebSocket opens only for somebody who is signed in, and ends with her session."""

import time

OPEN = """
const socket = new WebSocket(`wss://${location.host}/`);
window.ended = false;
socket.onopen = () => socket.send(arguments[0]);
socket.onmessage = event => done(event.data);
socket.onclose = () => { window.ended = true; done('closed'); };
"""

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "eXVtZW4geXVtZW4geXVtZQ==",
    "Sec-Fetch-Mode": "websocket",
}


def opened(house, person):
    hands = house.hands()
    hands.sign_in(person, house.url("echo"))
    assert hands.browser.js(OPEN, "玉门 ياۋا") == "玉门 ياۋا"
    return hands.browser


def ended(browser):
    return browser.driver.execute_script("return window.ended")


def ends_within_five_seconds(browser):
    begun = time.monotonic()
    browser.until(lambda: ended(browser), seconds=5, what="the WebSocket ends")
    return time.monotonic() - begun


def test_it_echoes_and_stays_open(house, hands, member):
    browser = opened(house, member)
    assert browser.js("setTimeout(() => done(window.ended), 1500)") is False


def test_it_ends_when_the_account_is_disabled(house, hands):
    person = house.person()
    browser = opened(house, person)
    house.gateway.account("disable", person.name)
    ends_within_five_seconds(browser)
    browser.open(house.url("echo")).see("form#sign-in")
    house.gateway.account("enable", person.name)
    hands.sign_in(person, house.url("echo"))


def test_it_ends_when_the_session_is_ended_in_the_console(house, hands, warden):
    person = house.person()
    browser = opened(house, person)
    office = house.hands("office")
    office.sign_in(warden, house.url("portal", "/console/sessions"))
    office.browser.see("table#sessions")
    rows = [row for row in office.browser.all("table#sessions tbody tr") if row.find_element("css selector", "th bdi").text == person.name]
    assert rows
    # Her enrolment may have left a session as well; one after the other goes.
    for identity in [row.get_attribute("data-session") for row in rows]:
        office.browser.open(house.url("portal", "/console/sessions"))
        office.browser.click(f"tr[data-session='{identity}'] a.session-end")
        assert office.browser.text("#confirm-name") == person.name
        office.browser.submit("form#confirm")
        office.browser.see("#alert.done")
        office.browser.until(lambda i=identity: not office.browser.has(f"tr[data-session='{i}']"), what="the row goes")
    ends_within_five_seconds(browser)


def test_it_ends_at_sign_out_in_another_tab(house, hands, member):
    browser = opened(house, member)
    first = browser.tab
    browser.new_tab()
    hands.sign_out()
    browser.close_tab(first)
    ends_within_five_seconds(browser)


def test_nobody_opens_it_without_a_session_or_from_a_foreign_page(house, hands, member):
    cookies = house.cookies_of(member, "echo")
    own, foreign = {"Origin": house.origin("echo")}, {"Origin": "https://evil.test"}
    with house.client("echo") as client:
        assert client.ask("GET", "/", {**UPGRADE, **own}).status == 401
    with house.client("echo", cookies) as client:
        assert client.ask("GET", "/", {**UPGRADE, **foreign}).status == 403
    with house.client("echo", cookies) as client:
        assert client.ask("GET", "/", {**UPGRADE, **own}).status == 101


def test_an_app_that_does_not_allow_it_refuses_the_upgrade(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    with house.client("sites", cookies) as client:
        status = client.ask("GET", "/seen/", {**UPGRADE, "Origin": house.origin("sites")}).status
        assert status in (400, 403)
