"""From the invitation to the first sign-in."""

from house.people import Person


def test_two_people_enrol_and_both_come_in(house, hands):
    first, second = house.person(), house.person(unit="财政局")
    for person in (first, second):
        hands.sign_in(person)
        assert hands.browser.text("#signed-in-name") == person.name


def test_an_invitation_works_once(house, hands):
    person = Person()
    link = house.gateway.invite(person.name, person.unit)
    hands.enrol(person, link)
    hands.browser.forget()
    hands.open_invitation(link)
    hands.browser.see("#enrol-invalid")


def test_until_a_key_is_registered_she_can_do_nothing_else(house, hands):
    person = Person()
    hands.open_invitation(house.gateway.invite(person.name, person.unit))
    hands.choose_password(person)
    hands.browser.see("form#webauthn")
    assert not hands.browser.has("form#enrol-finish")
    hands.browser.open(house.gateway.portal)
    hands.browser.see("form#sign-in")
    hands.type_password(person)
    hands.browser.see("#alert.error")


def test_a_short_or_common_password_and_two_that_differ_are_refused(house, hands):
    person = Person()
    hands.open_invitation(house.gateway.invite(person.name, person.unit))
    browser = hands.browser
    # The browser would refuse some of these by itself; the gateway must as well.
    for password, again in (("short", "short"), ("passwordpassword", "passwordpassword"), ("a long password 1", "a long password 2")):
        browser.see("form#enrol-password")
        browser.driver.execute_script("document.querySelector('form#enrol-password').noValidate = true")
        browser.fill("form#enrol-password [name=password]", password)
        browser.fill("form#enrol-password [name=again]", again)
        browser.submit("form#enrol-password")
        browser.see("#alert.error")
    hands.choose_password(person)
    browser.see("form#webauthn")


def test_a_key_that_does_not_verify_its_user_cannot_be_registered(house, hands):
    person = Person()
    hands.open_invitation(house.gateway.invite(person.name, person.unit))
    hands.choose_password(person)
    hands.hold(person)
    hands.browser.verifies(False)
    hands.register_key("one")
    hands.browser.until(lambda: hands.browser.text("#webauthn-status"), what="the page says why")
    assert not hands.browser.has("form#enrol-finish")
    hands.browser.verifies(True)
    hands.register_key("one")
    hands.browser.see("form#enrol-finish")
