"""Every page in three languages, one of them from right to left; each page leaves a picture."""

import pytest
from house.people import Person

LANGUAGES = [("zh-Hans", "ltr"), ("ug", "rtl"), ("en", "ltr")]


def speaks(browser, language, direction):
    browser.click(f"#language-{language}")
    browser.until(lambda: browser.has(f"html[lang='{language}'][dir='{direction}']"), what=f"a page in {language}")


@pytest.mark.parametrize("language, direction", LANGUAGES)
def test_the_pages_speak(house, hands, member, warden, shots, language, direction):
    browser = hands.browser

    def look(page):
        assert browser.has(f"html[lang='{language}'][dir='{direction}']"), page
        browser.shoot(shots / f"{page}-{language}-{house.layout.name}.png")

    browser.open(house.url("portal", "/sign-in")).see("form#sign-in")
    speaks(browser, language, direction)
    browser.see("form#sign-in")
    look("sign-in")
    hands.type_password(member)
    browser.see("form#webauthn")
    look("sign-in-key")
    hands.use_key(member)
    browser.see("form#sign-out")
    look("portal")
    for page in ("keys", "sessions"):
        browser.open(house.url("portal", f"/{page}")).see(f"#{page}")
        look(page)
    browser.open(house.url("portal", "/nowhere")).see("#error")
    look("error")
    newcomer = Person()
    hands.open_invitation(house.gateway.invite(newcomer.name, newcomer.unit))
    browser.see("form#enrol-password")
    look("enrol-password")

    office = house.hands("office")
    office.sign_in(warden, house.url("portal", "/console/accounts"))
    speaks(office.browser, language, direction)
    for page in ("accounts", "sessions"):
        office.browser.open(house.url("portal", f"/console/{page}")).see(f"table#{page}")
        assert office.browser.has(f"html[lang='{language}'][dir='{direction}']")
        office.browser.shoot(shots / f"console-{page}-{language}-{house.layout.name}.png")
    speaks(office.browser, "en", "ltr")


@pytest.mark.parametrize(
    "wanted, language, direction",
    [("zh-CN,zh;q=0.9", "zh-Hans", "ltr"), ("ug-CN", "ug", "rtl"), ("en-GB", "en", "ltr"), ("ug;q=0.1,en", "en", "ltr")],
)
def test_the_browsers_language_is_chosen(house, wanted, language, direction):
    with house.client("portal") as client:
        page = client.ask("GET", "/sign-in", {"Accept": "text/html", "Accept-Language": wanted}).body.decode()
    assert f'<html lang="{language}" dir="{direction}">' in page


def test_no_page_needs_a_script_or_a_style_inside_it(house):
    with house.client("portal") as client:
        answer = client.ask("GET", "/sign-in")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src" in policy
    assert "style=" not in answer.body.decode()
