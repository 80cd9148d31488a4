"""The pages of what takes two people or a fresh proof, and of lists and letters; each leaves its pictures (see `house/eyes.py`)."""

import os

import pytest
from house.eyes import Eyes, asking_for
from house.gateway import run
from house.house import House
from house.layout import LOCALHOST
from house.people import put_away
from test_pages import LANGUAGES, WORDS, eyes
from test_step_up import POST, RULE

# The pages are the same under every name: one layout is enough.
pytestmark = [pytest.mark.parametrize("layout", [LOCALHOST], indirect=True, ids=["localhost"]), pytest.mark.timeout(600)]

READY = "#webauthn-status[data-state=ready]"


@pytest.fixture(scope="module")
def pair(layout, authority, tmp_path_factory):
    """A house with two security administrators; their desks are the office and the annexe."""
    house = House(tmp_path_factory.mktemp("pair"), layout, authority)
    house.ada = house.person(role="security-administrator", unit="信息中心", place="office", name="王敏")
    house.bea = house.person(role="security-administrator", unit="信息中心", place="annexe", name="ئايگۈل ياسىن")
    yield house
    house.close()


def account_of(pair, office, person):
    office.browser.open(pair.url("portal", f"/console/accounts?q={person.name}"))
    office.browser.driver.find_element("link text", person.name).click()


@WORDS
def test_the_pages_of_changes_and_recovery(pair, shots, language, direction):
    desk, office, annexe = (pair.hands(place) for place in ("desk", "office", "annexe"))
    see, near, far = (eyes(pair, hands.browser, shots, language, direction) for hands in (desk, office, annexe))
    with asking_for(desk.browser, language), asking_for(office.browser, language), asking_for(annexe.browser, language):
        mia = pair.person(unit="民族宗教事务局")
        office.sign_in(pair.ada, pair.url("portal", "/console/accounts"))
        annexe.sign_in(pair.bea, pair.url("portal", "/console/accounts"))
        link, half = recovery(pair, office, annexe, near, far, mia)
        new_token(pair, desk, see, mia, link, half)
        new_password(pair, desk, office, see, near, mia)
        rejected(pair, office, annexe, near, mia)
    looked = [page for one in (see, near, far) for page in one.seen]
    assert len(looked) == len(set(looked)) == 17
    for one, walk in ((see, "recovery"), (near, "changes"), (far, "confirming")):
        one.tell(walk)


def recovery(pair, office, annexe, near, far, mia):
    account_of(pair, office, mia)
    office.browser.see("form#account-new-token")
    near.look("console-account-of-member")
    office.browser.submit("form#account-new-token")
    office.browser.see(READY)
    near.look("console-change-draft")
    change = office.browser.url
    office.use_key(pair.ada)
    half = office.browser.text("#change-half")
    near.look("console-change-waits")
    office.browser.open(pair.url("portal", "/console/changes")).see("table#changes")
    near.look("console-changes")
    near.on_paper("console-changes", "table#changes")
    near.in_forced_colours("console-changes")
    annexe.browser.open(change).see(READY)
    far.look("console-change-confirm")
    far.in_forced_colours("console-change-confirm")
    annexe.use_key(pair.bea)
    link = annexe.browser.see("input#invitation-link").get_attribute("value")
    far.look("console-recovery-link")
    far.on_paper("console-recovery-link", "p.only-print code", "#invitation-until")
    return link, half


def new_token(pair, desk, see, mia, link, half):
    browser = desk.browser
    put_away(mia)
    mia.key = []
    browser.forget()
    browser.open("about:blank").open(link).see("button#enrol-begin:enabled")
    see.look("recover-open")
    browser.fill("form#enrol-open [name=half]", "AAAAA-AAAAA")
    browser.submit("form#enrol-open")
    browser.see("#alert.error")
    see.look("recover-open-wrong")
    browser.fill("form#enrol-open [name=half]", half)
    browser.submit("form#enrol-open")
    browser.see("form#recover-present")
    see.look("recover-present")
    browser.fill("form#recover-present [name=password]", mia.password)
    browser.submit("form#recover-present")
    browser.see(READY)
    see.look("recover-new-key")
    desk.hold(mia)
    desk.register_key("二号")
    browser.see("#recover-done")
    see.look("recover-done")
    browser.open(pair.url("portal", "/recover/token")).see("#recover-invalid")
    see.look("recover-invalid")


def new_password(pair, desk, office, see, near, mia):
    account_of(pair, office, mia)
    office.browser.submit("form#account-new-password")
    office.browser.see(READY)
    near.look("console-change-draft-alone")
    office.use_key(pair.ada)
    link = office.browser.see("input#invitation-link").get_attribute("value")
    browser = desk.browser
    browser.forget()
    browser.open("about:blank").open(link)
    browser.submit("form#enrol-open")
    browser.see(READY)
    see.look("recover-own-key")
    desk.use_key(mia)
    browser.see("form#recover-choose")
    see.look("recover-choose")


def rejected(pair, office, annexe, near, mia):
    account_of(pair, office, mia)
    office.browser.submit("form#account-new-token")
    office.browser.see("form#withdraw")
    change = office.browser.url
    office.use_key(pair.ada)
    office.browser.see("#change-half")
    annexe.browser.open(change)
    annexe.browser.submit("form#reject")
    annexe.browser.see("#alert.done")
    office.browser.open(change).see("#change-closed")
    near.look("console-change-closed")
    office.browser.open(pair.url("portal", "/console/changes")).see("table#changes-closed")
    near.look("console-changes-none")


@WORDS
def test_the_pages_of_lists_and_letters(pair, shots, language, direction):
    office, desk = pair.hands("office"), pair.hands()
    browser = office.browser
    see, hers = eyes(pair, browser, shots, language, direction), eyes(pair, desk.browser, shots, language, direction)
    serial = f"LT-{language.upper()}"
    pair.gateway.stock(serial)
    with asking_for(browser, language), asking_for(desk.browser, language):
        office.sign_in(pair.ada, pair.url("portal", "/console/accounts/import"))
        browser.see("form#people-import")
        see.look("people-import")
        row = f"name,unit,token\nlist {language},ئۈرۈمچى شەھەرلىك ئارخىپ ئىدارىسى,{serial}\n"
        browser.fill("#people-text", row + "few,,\n")
        browser.click("#people-rehearse")
        browser.see("#people-problems")
        see.look("people-import-problems")
        browser.fill("#people-text", row)
        browser.click("#people-rehearse")
        browser.see("#people-fits")
        see.look("people-import-fits")
        browser.click("#people-submit")
        browser.see("#letters-waiting")
        see.look("letters")
        desk.browser.forget()
        desk.browser.open(pair.url("portal", "/enrol/letter")).see("form#enrol-letter")
        hers.look("enrol-letter")
    see.tell("lists")


# The shortest time that a proof may be asked to be fresh is a minute, and a browser's minute cannot be set forward.
def test_the_pages_of_a_form_that_waits_for_a_fresh_proof(fresh_house, shots):
    house, gateway = fresh_house, fresh_house.gateway
    editors = '[[app.rule]]\nname = "editors"'
    gateway.config.write_text(gateway.config.read_text().replace(editors, RULE + editors))
    assert run("reload", "--data", gateway.data).returncode == 0
    person, hands = house.person(), house.hands()
    browser, add = hands.browser, "/admin/articles/article/add/"
    hands.sign_in(person, house.url("sites", "/admin/"))
    browser.fill("#login-form [name=username]", house.site.user)
    browser.fill("#login-form [name=password]", house.site.password)
    browser.submit("#login-form")
    browser.see("#user-tools")
    browser.open(house.url("sites", add))
    browser.fill("[name=title]", f"政府信息公开 {os.urandom(4).hex()} {'x' * 60}")
    browser.fill("[name=body]", "第一段\nئىككىنچى ئابزاس")
    browser.until(lambda: browser.js(POST, add)[0] == 401, 90, "the sign-in is too long ago for publishing")
    browser.click("[name=_save]")
    browser.at(f"{gateway.portal}step-up")
    looks = lambda css, page: in_every_language(house, browser, shots, css, page)  # noqa: E731
    looks(READY, "step-up")
    browser.click("#use-key")
    browser.at(house.url("sites", "/.yumen/kept/"))
    looks("form#kept-send", "kept")
    browser.submit("form#kept-discard")
    looks("#kept", "kept-discarded")


def in_every_language(house, browser, shots, css, page):
    for language, direction in LANGUAGES:
        with asking_for(browser, language):
            browser.driver.refresh()
            browser.see(css)
            see: Eyes = eyes(house, browser, shots, language, direction)
            see.look(page)
    browser.driver.refresh()
    browser.see(css)
