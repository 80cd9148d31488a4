"""Everything by keyboard alone: what has the focus is seen to have it, in an order that follows the page."""

import pytest
from house.layout import LOCALHOST
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.parametrize("layout", [LOCALHOST], indirect=True, ids=["localhost"])

# What has the focus: its id, whether one sees that it has it, whether it stands within the window, and whether it comes after
# what had the focus before (in the page's order, which is also the order in which it is laid out).
FOCUS = """
const one = document.activeElement, before = window.focusBefore;
window.focusBefore = one;
const style = getComputedStyle(one), box = one.getBoundingClientRect();
const follows = !before || !before.isConnected || before === document.body || before === one ||
  Boolean(before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
return {
  body: one === document.body,
  is: arguments[0] ? one.matches(arguments[0]) : false,
  seen: one.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  within: box.width > 0 && box.top >= -1 && box.left >= -1 && box.bottom <= innerHeight + 1 && box.right <= innerWidth + 1,
  follows,
  text: one.outerHTML.slice(0, 120),
};
"""


class Keyboard:
    def __init__(self, browser):
        self.browser = browser

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
            if stop["is"]:
                return
        raise AssertionError(f"{css} is not reached by {most} tabs")

    def has(self, css):
        return self.browser.until(lambda: self.focus(css)["is"], what=f"{css} has the focus")


def signs_in(house, hands, keyboard, person, to):
    browser = hands.browser
    browser.forget()
    browser.open(house.url("portal", to)).see("form#sign-in")
    keyboard.has("input#name")
    keyboard.press(person.name)
    keyboard.go("input#password", most=1)
    keyboard.press(person.password, Keys.ENTER)
    browser.see("#webauthn-status[data-state=ready]")
    hands.hold(person)
    keyboard.has("button#use-key")
    keyboard.press(Keys.ENTER)


def test_sign_in_portal_and_app_by_keyboard_alone(house, hands, member):
    browser, keyboard = hands.browser, Keyboard(hands.browser)
    signs_in(house, hands, keyboard, member, "/")
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


def test_a_key_that_fails_is_tried_again_by_keyboard_alone(house, hands, member):
    browser, keyboard = hands.browser, Keyboard(hands.browser)
    browser.forget()
    browser.open(house.url("sites", "/seen/?by=keyboard")).see("form#sign-in")
    keyboard.has("input#name")
    keyboard.press(member.name, Keys.TAB, member.password, Keys.ENTER)
    browser.see("#webauthn-status[data-state=ready]")
    hands.hold(member)
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


def test_an_account_is_disabled_by_keyboard_alone(house, hands, warden):
    person = house.person()
    office = house.hands("office")
    browser, keyboard = office.browser, Keyboard(office.browser)
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
