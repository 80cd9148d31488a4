"""Tokens that show codes, in their holders' hands: at enrolment, and among one's own tokens."""

import itertools
import secrets
import subprocess

from house.people import Person

_numbers = itertools.count(1)


class CodeToken:
    """A token in a hand, which shows the next code at every press of its button."""

    def __init__(self, house):
        self.serial, self.seed, self.count = f"FT-{next(_numbers):06}-{house.layout.name}".upper(), secrets.token_hex(20), 0
        delivery = house.folder / f"{self.serial}.csv"
        delivery.write_text(f"{self.serial},{self.seed},HOTP\n")
        house.gateway.token("import", delivery)

    def press(self):
        shown = subprocess.run(
            ["oathtool", "--hotp", f"--counter={self.count}", self.seed], capture_output=True, text=True, check=True, timeout=10
        )
        self.count += 1
        return shown.stdout.strip()


def state_of(browser, token):
    return browser.see(f"#tokens [data-serial='{token.serial}']").get_attribute("data-state")


def test_a_person_enrols_with_the_code_token_that_she_was_given(house, hands):
    person, token = Person(), CodeToken(house)
    link = house.gateway.invite(person.name, person.unit)
    house.gateway.token("issue", token.serial, person.name)
    hands.open_invitation(link)
    hands.choose_password(person)
    browser = hands.browser
    browser.see("form#enrol-code")
    assert browser.has("form#webauthn") and not browser.has("form#enrol-finish")
    right = token.press()
    browser.fill("form#enrol-code [name=code]", "000000" if right != "000000" else "000001")
    browser.submit("form#enrol-code")
    browser.see("#alert.error")
    assert not browser.has("form#enrol-finish")
    browser.fill("form#enrol-code [name=code]", right)
    browser.submit("form#enrol-code")
    browser.see("form#enrol-finish")
    assert token.serial in browser.text("#keys")
    browser.submit("form#enrol-finish")
    browser.see("a#to-sign-in")
    listed = house.gateway.token("list")
    assert any(token.serial in line and "active" in line for line in listed.splitlines()), listed


def test_my_tokens_are_activated_brought_back_and_reported_lost(house, hands):
    person, token = house.person(), CodeToken(house)
    house.gateway.token("issue", token.serial, person.name)
    hands.sign_in(person)
    browser = hands.browser
    browser.open(house.url("portal", "/keys"))
    assert state_of(browser, token) == "issued" and browser.has("#only-key")

    browser.submit("form.token-activate")
    browser.see("form#webauthn")
    hands.use_key(person)
    browser.see("form#show-token")
    browser.fill("form#show-token [name=code]", token.press())
    browser.submit("form#show-token")
    browser.until(lambda: state_of(browser, token) == "active", what="the token is active")
    assert not browser.has("#only-key")

    # Somebody played with its button.
    for _ in range(200):
        token.count += 1
    browser.click("a.token-astray")
    browser.fill("form#astray [name=code]", token.press())
    browser.fill("form#astray [name=next_code]", token.press())
    browser.submit("form#astray")
    browser.see("#alert.done")

    # The key is lost: the token says so, and the session that the key had opened is over.
    browser.submit("#keys form.token-lost")
    browser.see("form#prove-code")
    assert not browser.has("form#webauthn")
    browser.fill("form#prove-code [name=code]", token.press())
    browser.submit("form#prove-code")
    browser.see("#keys-over")
    browser.open(house.url("portal", "/keys")).see("form#sign-in")
