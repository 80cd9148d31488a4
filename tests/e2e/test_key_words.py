"""What the page says of a key that fails, for everything that browsers answer."""

import pytest
from house.layout import LOCALHOST

pytestmark = pytest.mark.parametrize("layout", [LOCALHOST], indirect=True, ids=["localhost"])

REJECTS = "navigator.credentials.get = () => Promise.reject(new DOMException('', '%s'));"
# As if the whole time had passed that the page gives the key.
LATE = """
const now = performance.now.bind(performance);
let asked = 0;
performance.now = () => now() + asked;
navigator.credentials.get = options => { asked = options.publicKey.timeout; return Promise.reject(new DOMException('', 'NotAllowedError')); };
"""
ABSENT = "delete window.PublicKeyCredential;"


@pytest.mark.parametrize(
    "browser_says, state",
    [
        (REJECTS % "NotAllowedError", "cancelled"),
        (LATE, "timeout"),
        (REJECTS % "TimeoutError", "timeout"),
        (REJECTS % "InvalidStateError", "known"),
        (REJECTS % "NotSupportedError", "unsuitable"),
        (REJECTS % "SecurityError", "insecure"),
        (REJECTS % "UnknownError", "failed"),
        (ABSENT, "unsupported"),
    ],
    ids=["refused", "late", "timeout", "known", "unsuitable", "insecure", "anything-else", "unsupported"],
)
def test_the_page_says_what_happened_and_what_to_do(house, hands, member, browser_says, state):
    browser = hands.browser
    wanted = house.url("sites", "/seen/?after=failure")
    with browser.scripted(browser_says):
        browser.open(wanted).see("form#sign-in")
        hands.type_password(member)
        browser.see("form#webauthn")
        if state != "unsupported":
            browser.click("button#use-key")
        browser.see(f"#webauthn-status[data-state={state}][data-tone=fail]")
        said = browser.text("#webauthn-status")
        assert "\n" in said and len(said) > 40, f"it says what happened, and what to do: {said}"
    # Another try, and the way is not lost.
    browser.open(browser.url).see("form#webauthn")
    hands.use_key(member)
    browser.at(wanted)


def test_a_key_of_somebody_else_is_said_so_and_the_way_is_not_lost(house, hands, member):
    browser = hands.browser
    # The page lets any key answer, so that the gateway must see for itself whose it is.
    anybodys = """
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = options => get({...options, publicKey: {...options.publicKey, allowCredentials: []}});
    """
    other = house.person(keeps_accounts=True)
    wanted = house.url("sites", "/seen/?after=another-key")
    browser.forget()
    with browser.scripted(anybodys):
        browser.open(wanted).see("form#sign-in")
        hands.type_password(member)
        browser.see("form#webauthn")
        hands.use_key(other)
        browser.see("#alert.error")
        browser.see("button#use-key")
    browser.click("a#back")
    hands.finish_sign_in(member)
    browser.at(wanted)
