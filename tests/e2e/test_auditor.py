"""The auditor at her desk: she follows the log, finds a record, sees what proves it, and takes a part of it away."""

import base64
import hashlib
import json

import pytest


@pytest.fixture(scope="session")
def auditor(house):
    return house.person(role="auditor", unit="审计局", place="audit")


def leaf_hash(record):
    return base64.b64encode(hashlib.sha256(b"\x00" + record).digest()).decode()


def fetched(browser, selector):
    """What a link gives, as the browser has the right to it."""
    address = browser.see(selector).get_attribute("href")
    with_session = {cookie["name"]: cookie["value"] for cookie in browser.driver.get_cookies()}
    return address, with_session


def test_an_auditor_filters_opens_a_record_sees_its_proof_and_exports(house, auditor):
    desk = house.hands("audit")
    desk.sign_in(auditor)
    browser = desk.browser
    browser.click("a#to-console")
    browser.see("table#log")
    browser.fill("form#filter [name=account]", auditor.name)
    browser.choose("form#filter [name=kind]", "account-enrolled")
    browser.submit("form#filter")
    browser.until(lambda: "kind=account-enrolled" in browser.url, what="the filter is in the address")

    def found():
        browser.driver.refresh()
        return browser.has("table#log tbody tr")

    browser.until(found, what="the record can be found")
    assert len(browser.all("table#log tbody tr")) == 1 and auditor.name in browser.text("table#log tbody")

    address, cookies = fetched(browser, "a#export-json")
    with house.client("portal", cookies) as client:
        answer = client.ask("GET", address.removeprefix(client.origin))
    assert answer.status == 200 and answer.headers["Content-Disposition"].startswith("attachment")
    line = json.loads(answer.body)
    raw = answer.body.split(b'"record":', 1)[1].rstrip(b"\n")[:-1]
    assert line["leaf"] == leaf_hash(raw) and line["record"]["action"] == "account-enrolled"
    address, cookies = fetched(browser, "a#export-csv")
    with house.client("portal", cookies) as client:
        table = client.ask("GET", address.removeprefix(client.origin)).body.decode("utf-8-sig").splitlines()
    assert table[0].startswith("sequence,") and len(table) == 2 and table[1].startswith(f"{line['sequence']},")

    browser.click("table#log tbody th a")
    raw = browser.text("#raw")
    assert leaf_hash(raw.encode()) == browser.text("#leaf") == line["leaf"]
    assert browser.text("#root") in browser.text("#note") and browser.text("#size") in browser.text("#note")
    shown = browser.text("#key")
    assert shown.split("+")[0] in browser.text("#note")

    browser.click("a#to-console-charts")
    browser.see("svg#chart[role=img]")
    browser.click("#figures-open")
    assert browser.all("table#figures tbody tr")


def test_a_filter_that_is_wrong_is_told_beside_its_field_and_loses_nothing(house, auditor):
    desk = house.hands("audit")
    desk.sign_in(auditor, house.url("portal", "/console/log"))
    browser = desk.browser
    browser.fill("form#filter [name=address]", "somewhere")
    browser.fill("form#filter [name=account]", "wang")
    browser.submit("form#filter")
    browser.see("#log-wrong")
    field = browser.see("form#filter [name=address]")
    assert field.get_attribute("value") == "somewhere" and field.get_attribute("aria-invalid") == "true"
    assert browser.see(f"#{field.get_attribute('aria-describedby')}").text
    assert browser.see("form#filter [name=account]").get_attribute("value") == "wang"


def test_the_log_is_followed_until_the_session_ends(house, auditor, warden):
    desk = house.hands("audit")
    desk.sign_in(auditor, house.url("portal", "/console/log"))
    browser = desk.browser
    browser.click("a#live-on")
    browser.see("#live")
    newcomer = f"newcomer.{house.layout.name}"
    house.gateway.invite(newcomer, "教育局")
    browser.until(lambda: newcomer in browser.text("table#log tbody"), what="the invitation appears by itself")
    office = house.hands("office")
    office.sign_in(warden, house.url("portal", f"/console/accounts?q={auditor.name}"))
    office.browser.driver.find_element("link text", auditor.name).click()
    office.browser.click("a#account-end-sessions")
    office.browser.submit("form#confirm")
    browser.until(lambda: browser.has("#live[data-state=over]"), seconds=30, what="it is told that nothing more comes")
    browser.open(house.url("portal", "/console/log")).see("form#sign-in")
