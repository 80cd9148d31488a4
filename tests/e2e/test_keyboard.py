"""Everything by keyboard alone: what has the focus is seen to have it, in an order that follows the page and its script."""

import pytest
from house.eyes import asking_for
from house.layout import LOCALHOST
from house.people import Person, put_away
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = [
    pytest.mark.parametrize("layout", [LOCALHOST], indirect=True, ids=["localhost"]),
    pytest.mark.parametrize("language", ["zh-Hans", "ug", "en"]),
]

# What has the focus: whether one sees that it has it, whether it stands within the window, and whether it comes after what had
# the focus before: in the page, and for the eye, which goes along the line (from right to left in Uyghur) or down to another one.
# The link past the head of the page lies over it and is in no line.
FOCUS = """
const one = document.activeElement, before = window.focusBefore, from = window.focusPlace;
window.focusBefore = one;
const style = getComputedStyle(one), box = one.getBoundingClientRect();
const rtl = document.documentElement.dir === 'rtl';
const place = {along: rtl ? -box.right - scrollX : box.left + scrollX, top: box.top + scrollY, bottom: box.bottom + scrollY};
window.focusPlace = one.matches('.skip') ? null : place;
const follows = !before || !before.isConnected || before === document.body || before === one ||
  Boolean(before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
return {
  body: one === document.body,
  is: arguments[0] ? one.matches(arguments[0]) : false,
  seen: one.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  within: box.width > 0 && box.top >= -1 && box.left >= -1 && box.bottom <= innerHeight + 1 && box.right <= innerWidth + 1,
  follows,
  onward: !from || !before || place.along >= from.along - 1 || place.top >= from.bottom - 1,
  text: one.outerHTML.slice(0, 120),
};
"""


class Keyboard:
    def __init__(self, browser, language):
        self.browser, self.language = browser, language

    def press(self, *keys):
        ActionChains(self.browser.driver).send_keys(*keys).perform()

    def focus(self, css=""):
        return self.browser.driver.execute_script(FOCUS, css)

    def go(self, css, most=40):
        """Tab until `css` has the focus; every stop on the way must be seen."""
        self.browser.see(css) if not css.startswith("a.skip") else None
        self.browser.driver.execute_script("window.focusBefore = null")
        for _ in range(most):
            self.press(Keys.TAB)
            stop = self.focus(css)
            assert not stop["body"], f"the focus was lost on the way to {css}"
            assert stop["seen"], f"one does not see that this has the focus: {stop['text']}"
            assert stop["within"], f"what has the focus is out of sight: {stop['text']}"
            assert stop["follows"], f"the focus jumped back: {stop['text']}"
            assert stop["onward"], f"the focus went against the script: {stop['text']}"
            if stop["is"]:
                return
        raise AssertionError(f"{css} is not reached by {most} tabs")

    def has(self, css):
        return self.browser.until(lambda: self.focus(css)["is"], what=f"{css} has the focus")


@pytest.fixture
def desk(hands, language):
    """The desk of somebody who reads `language`."""
    with asking_for(hands.browser, language):
        yield hands


@pytest.fixture
def office(house, language):
    office = house.hands("office")
    with asking_for(office.browser, language):
        yield office


def signs_in(house, hands, keyboard, person, to):
    browser = hands.browser
    browser.forget()
    browser.open(house.url("portal", to)).see("form#sign-in")
    assert browser.has(f"html[lang='{keyboard.language}'][dir='{'rtl' if keyboard.language == 'ug' else 'ltr'}']")
    keyboard.has("input#name")
    keyboard.press(person.name)
    keyboard.go("input#password", most=1)
    keyboard.press(person.password, Keys.ENTER)
    browser.see("#webauthn-status[data-state=ready]")
    hands.hold(person)
    keyboard.has("button#use-key")
    keyboard.press(Keys.ENTER)


def test_an_account_is_set_up_by_keyboard_alone(house, desk, language):
    browser, keyboard, person = desk.browser, Keyboard(desk.browser, language), Person()
    link = house.gateway.invite(person.name, person.unit)
    browser.forget()
    browser.open("about:blank").open(link)
    keyboard.go("button#enrol-begin:enabled")
    keyboard.press(Keys.ENTER)
    keyboard.go("input#password")
    keyboard.press(person.password)
    keyboard.go("input#again", most=1)
    keyboard.press(person.password, Keys.ENTER)
    browser.see("#webauthn-status[data-state=ready]")
    desk.hold(person)
    keyboard.go("input#key_name")
    keyboard.go("button#use-key", most=1)
    keyboard.press(Keys.ENTER)
    keyboard.go("button#enrol-finish-submit")
    keyboard.press(Keys.ENTER)
    keyboard.go("a#to-sign-in")
    keyboard.press(Keys.ENTER)
    browser.see("form#sign-in")
    signs_in(house, desk, keyboard, person, "/")
    browser.see("ul#apps")


def test_sign_in_portal_and_app_by_keyboard_alone(house, desk, member, language):
    browser, keyboard = desk.browser, Keyboard(desk.browser, language)
    signs_in(house, desk, keyboard, member, "/")
    browser.see("ul#apps")
    # Past the head of the page in one step.
    keyboard.go("a.skip", most=1)
    keyboard.press(Keys.ENTER)
    keyboard.has("main#main")
    keyboard.go("input#q", most=1)
    keyboard.press("cluster", Keys.ARROW_DOWN)
    keyboard.has("a#app-sites")
    assert keyboard.focus()["seen"]
    keyboard.press(Keys.ENTER)
    browser.see("h1#site")
    # Without the search: every stop of the head, then the cards.
    browser.open(house.url("portal")).see("ul#apps")
    for stop in ("a.skip", "a.brand", "a#to-portal", "a#to-keys", "a#to-sessions", "form#sign-out button", "input#q", "button#search-submit"):
        keyboard.go(stop, most=1)
    keyboard.go("a#app-echo", most=2)
    keyboard.press(Keys.ENTER)
    browser.at(house.url("echo", ""))
    # Typing and Enter open what is found.
    browser.open(house.url("portal")).see("ul#apps")
    keyboard.go("input#q")
    keyboard.press("website", Keys.ENTER)
    browser.see("h1#site")


def test_a_key_that_fails_is_tried_again_by_keyboard_alone(house, desk, member, language):
    browser, keyboard = desk.browser, Keyboard(desk.browser, language)
    browser.forget()
    browser.open(house.url("sites", "/seen/?by=keyboard")).see("form#sign-in")
    keyboard.has("input#name")
    keyboard.press(member.name, Keys.TAB, member.password, Keys.ENTER)
    browser.see("#webauthn-status[data-state=ready]")
    desk.hold(member)
    browser.verifies(False)
    keyboard.has("button#use-key")
    keyboard.press(Keys.ENTER)
    browser.see("#webauthn-status[data-tone=fail]")
    assert browser.see("#webauthn-status").get_attribute("aria-live") == "polite"
    # The way is not lost: the same button, the same page.
    browser.verifies(True)
    keyboard.has("button#use-key")
    keyboard.press(Keys.ENTER)
    browser.at(house.url("sites", "/seen/?by=keyboard"))


def test_a_second_key_is_added_and_removed_by_keyboard_alone(house, desk, language):
    browser, keyboard, person = desk.browser, Keyboard(desk.browser, language), house.person()
    signs_in(house, desk, keyboard, person, "/keys")
    keyboard.go("button#key-add-submit")
    keyboard.press(Keys.ENTER)
    proves(browser, keyboard)
    browser.see("form#webauthn [name=key_name]")
    # The second key is another one.
    put_away(person)
    browser.plug_in()
    keyboard.go("input#key_name")
    keyboard.go("button#use-key", most=1)
    keyboard.press(Keys.ENTER)
    browser.until(lambda: len(browser.all("#keys > li")) == 2, what="two keys")
    browser.unplug()
    desk.hold(person)
    keyboard.go("#keys > li:last-child form.key-remove button")
    keyboard.press(Keys.ENTER)
    proves(browser, keyboard)
    browser.see("#only-key")


def proves(browser, keyboard):
    browser.see("form#webauthn:not(:has([name=key_name])) #webauthn-status[data-state=ready]")
    keyboard.has("button#use-key")
    keyboard.press(Keys.ENTER)


def test_sessions_are_ended_by_keyboard_alone(house, desk, language):
    browser, keyboard, person = desk.browser, Keyboard(desk.browser, language), house.person()
    # One that this browser forgets.
    desk.sign_in(person)
    signs_in(house, desk, keyboard, person, "/sessions")
    browser.see("ul#sessions")
    while others := len(browser.all("form.session-end")):
        keyboard.go("form.session-end button")
        keyboard.press(Keys.ENTER)
        browser.until(lambda: len(browser.all("form.session-end")) == others - 1, what="one session fewer")  # noqa: B023
    keyboard.go("button#sign-out-everywhere-submit")
    keyboard.press(Keys.ENTER)
    keyboard.go("a#sign-in-again")
    keyboard.press(Keys.ENTER)
    browser.see("form#sign-in")


def test_somebodys_session_is_ended_in_the_console_by_keyboard_alone(house, desk, office, warden, language):
    person = house.person()
    desk.sign_in(person)
    browser, keyboard = office.browser, Keyboard(office.browser, language)
    signs_in(house, office, keyboard, warden, "/console/sessions")
    keyboard.go("input#q")
    keyboard.press(person.name)
    # Every stop of the form, then the row.
    for stop in ("select#app", "button#filter-submit"):
        keyboard.go(stop, most=1)
    keyboard.press(Keys.ENTER)
    browser.until(lambda: "q=" in browser.url and len(browser.all("table#sessions tbody tr")) == 1, what="the list is narrowed")
    keyboard.go("tbody a.session-end")
    keyboard.press(Keys.ENTER)
    browser.see("form#confirm")
    keyboard.go("button#confirm-submit")
    keyboard.press(Keys.ENTER)
    browser.see("#alert.done")
    desk.browser.open(desk.portal).see("form#sign-in")


def test_an_account_is_disabled_by_keyboard_alone(house, office, warden, language):
    person = house.person()
    browser, keyboard = office.browser, Keyboard(office.browser, language)
    signs_in(house, office, keyboard, warden, "/console/accounts")
    browser.see("form#filter")
    keyboard.go("input#q")
    keyboard.press(person.name, Keys.ENTER)
    browser.until(lambda: len(browser.all("table#accounts tbody tr")) >= 1 and "q=" in browser.url, what="the list is narrowed")
    keyboard.go("tbody a")
    keyboard.press(Keys.ENTER)
    browser.see("#account-state")
    keyboard.go("a#account-disable")
    keyboard.press(Keys.ENTER)
    browser.see("form#confirm")
    keyboard.go("button#confirm-submit")
    keyboard.press(Keys.ENTER)
    browser.see("#account-state[data-state=disabled]")


def test_a_token_is_issued_and_reported_lost_by_keyboard_alone(house, office, warden, language):
    person, serial = house.person(), f"KB-{language.upper()}"
    house.gateway.stock(serial)
    browser, keyboard = office.browser, Keyboard(office.browser, language)
    signs_in(house, office, keyboard, warden, "/console/tokens")
    browser.see("form#filter")
    keyboard.go("input#q")
    keyboard.press(serial)
    for stop in ("select#kind", "select#state", "button#filter-submit"):
        keyboard.go(stop, most=1)
    keyboard.press(Keys.ENTER)
    browser.until(lambda: "q=" in browser.url and len(browser.all("table#tokens tbody tr")) == 1, what="the list is narrowed")
    keyboard.go("tbody th a")
    keyboard.press(Keys.ENTER)
    browser.see("#token-state[data-state=in-stock]")
    keyboard.go("input#issue-account")
    keyboard.press(person.name)
    keyboard.go("button#issue-submit", most=1)
    keyboard.press(Keys.ENTER)
    browser.see("#token-state[data-state=issued]")
    assert browser.text("#token-holder") == person.name
    keyboard.go("a#token-lost")
    keyboard.press(Keys.ENTER)
    browser.see("form#confirm")
    keyboard.go("button#confirm-submit")
    keyboard.press(Keys.ENTER)
    browser.see("#token-state[data-state=lost]")
    # The delivery's form, in its order.
    browser.open(house.url("portal", "/console/tokens/import")).see("form#import")
    for stop in ("input#import-file", "textarea#import-seeds"):
        keyboard.go(stop)
    keyboard.press(f"KB2-{language.upper()},{'31' * 20}")
    for stop in ("input#import-key", "button#import-rehearse"):
        keyboard.go(stop, most=1)
    keyboard.press(Keys.ENTER)
    browser.see("#import-fits")
    keyboard.go("button#import-submit")
    keyboard.press(Keys.ENTER)
    browser.see("#alert.done")
