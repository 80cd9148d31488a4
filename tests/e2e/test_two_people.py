"""Two security administrators, each at a desk of her own, and the people who need them both."""

import pytest
from house.people import Person, put_away


@pytest.fixture
def town(fresh_house):
    """A house with two security administrators; their desks are the office and the annexe."""
    fresh_house.ada = fresh_house.person(role="security-administrator", unit="信息中心", place="office")
    fresh_house.bea = fresh_house.person(role="security-administrator", unit="信息中心", place="annexe")
    return fresh_house


def confirm(town):
    """Bea looks at what waits and confirms it with her key; the link that she is given."""
    annexe = town.hands("annexe")
    annexe.sign_in(town.bea, town.url("portal", "/console/changes"))
    assert annexe.browser.text("#changes-waiting") == "1 waiting"
    annexe.browser.driver.find_element("css selector", "#changes a").click()
    assert annexe.browser.text("#change-proposer") == town.ada.name
    annexe.use_key(town.bea)
    return annexe.browser.see("input#invitation-link").get_attribute("value")


def test_whoever_lost_her_key_gets_a_new_one_by_two_and_her_password(town):
    office, desk = town.hands("office"), town.hands()
    mia = town.person()
    desk.sign_in(mia)
    office.sign_in(town.ada, town.url("portal", f"/console/accounts?q={mia.name}"))
    office.browser.driver.find_element("link text", mia.name).click()
    office.browser.submit("form#account-new-token")
    office.browser.see("form#withdraw")
    change = office.browser.url
    office.use_key(town.ada)
    half = office.browser.text("#change-half")
    # Whoever proposed it does not confirm it, and the code is shown once.
    office.browser.open(change).see("form#withdraw")
    assert not office.browser.has("form#webauthn") and not office.browser.has("#change-half")
    desk.browser.open(town.gateway.portal).see("form#sign-out")

    link = confirm(town)
    desk.browser.open(town.gateway.portal).see("form#sign-in")
    put_away(mia)
    mia.key = []
    desk.browser.forget()
    desk.browser.open("about:blank").open(link)
    desk.browser.fill("form#enrol-open [name=half]", "AAAAA-AAAAA")
    desk.browser.submit("form#enrol-open")
    desk.browser.see("#alert.error")
    desk.browser.fill("form#enrol-open [name=half]", half.lower())
    desk.browser.submit("form#enrol-open")
    desk.browser.fill("form#recover-present [name=password]", mia.password)
    desk.browser.submit("form#recover-present")
    desk.browser.see("form#webauthn")
    desk.hold(mia)
    desk.register_key("two")
    desk.browser.see("#recover-done")
    desk.sign_in(mia)
    assert desk.browser.text("#signed-in-name") == mia.name


def test_staff_is_invited_by_two(town):
    office, desk = town.hands("office"), town.hands()
    new = Person(role="auditor", unit="审计局")
    office.sign_in(town.ada, town.url("portal", "/console/accounts"))
    office.browser.fill("form#invite [name=name]", new.name)
    office.browser.fill("form#invite [name=unit]", new.unit)
    office.browser.choose("form#invite [name=role]", new.role)
    office.browser.submit("form#invite")
    office.use_key(town.ada)
    half = office.browser.text("#change-half")
    link = confirm(town)
    desk.browser.forget()
    desk.browser.open("about:blank").open(link)
    desk.browser.fill("form#enrol-open [name=half]", half)
    desk.browser.submit("form#enrol-open")
    desk.choose_password(new)
    desk.hold(new)
    desk.register_key("one")
    desk.browser.submit("form#enrol-finish")
    desk.browser.see("a#to-sign-in")
    desk.sign_in(new)


def test_a_forgotten_password_takes_one_administrator_and_the_persons_own_key(town):
    office, desk = town.hands("office"), town.hands()
    mia = town.person()
    office.sign_in(town.ada, town.url("portal", f"/console/accounts?q={mia.name}"))
    office.browser.driver.find_element("link text", mia.name).click()
    office.browser.submit("form#account-new-password")
    office.use_key(town.ada)
    link = office.browser.see("input#invitation-link").get_attribute("value")
    desk.browser.forget()
    desk.browser.open("about:blank").open(link)
    desk.browser.submit("form#enrol-open")
    desk.browser.see("form#webauthn")
    desk.use_key(mia)
    mia.password = "loud mountain, nine storks"
    desk.browser.fill("form#recover-choose [name=password]", mia.password)
    desk.browser.fill("form#recover-choose [name=again]", mia.password)
    desk.browser.submit("form#recover-choose")
    desk.browser.see("#recover-done")
    desk.sign_in(mia)


def test_what_is_rejected_is_over(town):
    office, annexe = town.hands("office"), town.hands("annexe")
    mia = town.person()
    office.sign_in(town.ada, town.url("portal", f"/console/accounts?q={mia.name}"))
    office.browser.driver.find_element("link text", mia.name).click()
    office.browser.submit("form#account-new-token")
    office.browser.see("form#withdraw")
    change = office.browser.url
    office.use_key(town.ada)
    office.browser.see("#change-half")
    annexe.sign_in(town.bea, change)
    annexe.browser.submit("form#reject")
    annexe.browser.see("#alert.done")
    office.browser.open(change).see("#change-closed")
    assert not office.browser.has("#changes-waiting")
