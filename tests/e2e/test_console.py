"""The security administrator's desk."""

from house.people import Person


def invitation(house, warden, name, unit="教育局"):
    office = house.hands("office")
    browser = office.browser
    office.sign_in(warden, house.url("portal", "/console/accounts"))
    browser.fill("form#invite [name=name]", name)
    browser.fill("form#invite [name=unit]", unit)
    browser.choose("form#invite [name=role]", "member")
    browser.submit("form#invite")
    return browser.see("input#invitation-link").get_attribute("value")


def test_an_invitation_from_the_console_works_once_only(house, hands, warden):
    person = Person()
    link = invitation(house, warden, person.name)
    assert link.startswith(house.url("portal", "/enrol#"))
    hands.enrol(person, link)
    hands.browser.forget()
    hands.open_invitation(link)
    hands.browser.see("#enrol-invalid")
    hands.sign_in(person)
    assert hands.browser.text("#signed-in-name") == person.name


def test_a_name_that_is_taken_is_said_so(house, warden, member):
    office = house.hands("office")
    office.sign_in(warden, house.url("portal", "/console/accounts"))
    office.browser.fill("form#invite [name=name]", member.name.upper())
    office.browser.fill("form#invite [name=unit]", "教育局")
    office.browser.choose("form#invite [name=role]", "member")
    office.browser.submit("form#invite")
    office.browser.see("#alert.error")


def test_an_account_is_disabled_and_enabled_in_the_console(house, hands, warden):
    person = house.person()
    hands.sign_in(person)
    office = house.hands("office")
    office.sign_in(warden, house.url("portal", f"/console/accounts?q={person.name}"))
    office.browser.driver.find_element("link text", person.name).click()
    office.browser.click("a#account-disable")
    assert office.browser.text("#confirm-name") == person.name
    # Looking at what would happen does nothing yet.
    office.browser.click("a#back")
    office.browser.see("#account-state[data-state=active]")
    office.browser.click("a#account-disable")
    office.browser.submit("form#confirm")
    office.browser.see("#account-state[data-state=disabled]")
    hands.browser.open(house.gateway.portal).see("form#sign-in")
    hands.type_password(person)
    hands.browser.see("#alert.error")
    office.browser.submit("form#account-enable")
    office.browser.see("#account-state[data-state=active]")
    hands.sign_in(person)


def test_a_member_does_not_get_into_the_console(house, hands, member):
    hands.sign_in(member)
    assert not hands.browser.has("#to-console")
    hands.browser.open(house.url("portal", "/console/accounts")).see("#error")
    assert not hands.browser.has("form#invite")


def test_an_auditor_does_not_invite_anybody(house, hands):
    hands.sign_in(house.person(role="auditor"))
    hands.browser.open(house.url("portal", "/console/accounts")).see("#main")
    assert not hands.browser.has("form#invite")
