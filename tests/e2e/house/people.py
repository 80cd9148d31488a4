"""What people do at the gateway's pages."""

import itertools
import secrets

# Chinese and Uyghur names go through the whole house with the rest.
_numbers = itertools.count(1)

# A key that keeps the account in it, or has no room for that, whatever it is asked.
KEEPS = """
const create = navigator.credentials.create.bind(navigator.credentials);
navigator.credentials.create = options => {
  const selection = {...options.publicKey.authenticatorSelection, residentKey: '%s', requireResidentKey: %s};
  return create({...options, publicKey: {...options.publicKey, authenticatorSelection: selection}});
};
"""


KEEPS_ACCOUNTS = {None: "", True: KEEPS % ("required", "true"), False: KEEPS % ("discouraged", "false")}


class Person:
    def __init__(self, name=None, unit="宣传部", role="member"):
        self.name = name or f"person{next(_numbers)}"
        self.unit, self.role = unit, role
        self.password = secrets.token_urlsafe(15)
        self.key = []  # the credentials in her key, while it is in no browser
        self.place = None  # the browser and the tab that her key is in

    def __repr__(self):
        return f"Person({self.name})"


class Hands:
    """A person's hands at a browser: she has one key, and puts it into the tab that she works in."""

    def __init__(self, browser, portal):
        self.browser, self.portal = browser, portal

    def hold(self, person):
        here = (self.browser, self.browser.tab)
        if person.place == here:
            return
        put_away(person)
        holder = getattr(self.browser, "holders", None)
        if holder is None:
            holder = self.browser.holders = {}
        if other := holder.get(self.browser.tab):
            put_away(other)
        self.browser.carry_key_to_this_tab(person.key)
        holder[self.browser.tab] = person
        person.place = here

    # Enrolment.

    def enrol(self, person, link, keeps_accounts=None):
        """From the invitation to the link to sign-in."""
        self.browser.forget()
        with self.browser.scripted(KEEPS_ACCOUNTS[keeps_accounts]):
            self.open_invitation(link)
            self.choose_password(person)
            self.hold(person)
            self.register_key("one")
            self.browser.submit("form#enrol-finish")
            self.browser.see("a#to-sign-in")
        return person

    def open_invitation(self, link):
        self.browser.open("about:blank").open(link)
        self.browser.submit("form#enrol-open")

    def choose_password(self, person):
        shown = self.browser.see("form#enrol-password").find_element("css selector", "input[autocomplete=username]")
        person.name = shown.get_attribute("value")
        self.browser.fill("form#enrol-password [name=password]", person.password)
        self.browser.fill("form#enrol-password [name=again]", person.password)
        self.browser.submit("form#enrol-password")

    def register_key(self, name):
        self.browser.fill("form#webauthn [name=key_name]", name)
        self.browser.click("form#webauthn button#use-key")

    # Sign-in.

    def type_password(self, person, password=None):
        self.browser.fill("form#sign-in [name=name]", person.name)
        self.browser.fill("form#sign-in [name=password]", password or person.password)
        self.browser.submit("form#sign-in")

    def use_key(self, person):
        self.hold(person)
        self.browser.click("form#webauthn button#use-key")

    def sign_in(self, person, to=None):
        """As a browser that knows nothing yet; ends at `to` (default: the portal)."""
        self.browser.forget()
        self.browser.open(to or self.portal)
        self.finish_sign_in(person)
        if to is None:
            self.browser.see("form#sign-out")
        else:
            self.browser.at(to)

    def finish_sign_in(self, person):
        self.browser.see("form#sign-in")
        self.type_password(person)
        self.browser.see("form#webauthn")
        self.use_key(person)

    def allow_terminal(self, person):
        """On the page that `yumen login` names."""
        self.browser.see("#terminal-shown-code")
        self.use_key(person)
        self.browser.see("#terminal-allowed")

    def sign_out(self):
        self.browser.open(self.portal)
        self.browser.submit("form#sign-out")
        self.browser.see("#sign-in-again")


def put_away(person):
    """Takes her key out of wherever it is; its counter goes with it."""
    if person.place is None:
        return
    browser, tab = person.place
    person.place = None
    now = browser.tab
    if tab not in browser.driver.window_handles:
        raise AssertionError("a key went with the tab that it was in: put it away before the tab is closed")
    browser.to_tab(tab)
    person.key = browser.credentials()
    browser.unplug()
    browser.to_tab(now)
    browser.holders.pop(tab, None)
