"""My keys, my sessions, and what ends them."""


def signed_in_twice(house, hands, person):
    """The cookies of a session that her browser has forgotten; the browser has another one."""
    old = {"portal": house.cookies_of(person, "portal"), "sites": house.cookies_of(person, "sites", "/seen/")}
    # The second sign-in began anew, so the portal's cookie of the first session is a session of its own.
    hands.sign_in(person)
    return old


def alive(house, app, cookies):
    with house.client(app, cookies) as client:
        return client.ask("GET", "/keys" if app == "portal" else "/seen/").status == 200


def test_another_session_is_listed_and_ended(house, hands):
    person = house.person()
    old = signed_in_twice(house, hands, person)
    assert alive(house, "portal", old["portal"]) and alive(house, "sites", old["sites"])
    browser = hands.browser
    browser.open(house.url("portal", "/sessions")).see("#sessions")
    others = len(browser.all("form.session-end"))
    assert others >= 2
    assert len(browser.all("#sessions .current")) == 1
    for left in reversed(range(others)):
        browser.submit("form.session-end")
        browser.until(lambda left=left: len(browser.all("form.session-end")) == left, what=f"{left} other sessions")
    assert not alive(house, "portal", old["portal"]) and not alive(house, "sites", old["sites"])
    browser.open(house.url("portal", "/keys")).see("#keys")


def test_sign_out_everywhere_ends_them_all(house, hands):
    person = house.person()
    old = signed_in_twice(house, hands, person)
    hands.browser.open(house.url("portal", "/sessions")).see("#sessions")
    hands.browser.submit("form#sign-out-everywhere")
    hands.browser.see("#sign-in-again")
    assert not alive(house, "portal", old["portal"]) and not alive(house, "sites", old["sites"])
    hands.browser.open(house.gateway.portal).see("form#sign-in")


def test_the_session_gets_a_new_name_at_sign_in(house, hands, member):
    browser = hands.browser
    browser.open(house.gateway.portal).see("form#sign-in")
    before = browser.cookies()
    hands.finish_sign_in(member)
    browser.see("form#sign-out")
    after = browser.cookies()
    assert after and not {name for name in after if after[name] == before.get(name) and "lang" not in name}
    for cookie in browser.driver.get_cookies():
        assert cookie["name"].startswith("__Host-") and cookie["secure"] and cookie["path"] == "/"
        assert "lang" in cookie["name"] or (cookie["httpOnly"] and cookie["sameSite"] in ("Lax", "Strict"))


def test_a_second_key_is_added_after_a_proof_and_signs_in(house, hands):
    person = house.person()
    hands.sign_in(person)
    browser = hands.browser
    browser.open(house.url("portal", "/keys"))
    assert len(browser.all("#keys > li")) == 1 and browser.has("#only-key")
    browser.submit("form#key-add")
    browser.see("form#webauthn:not(:has([name=key_name]))")
    hands.use_key(person)
    browser.see("form#webauthn [name=key_name]")
    first = exchange(hands, person, [])
    hands.register_key("two")
    browser.until(lambda: len(browser.all("#keys > li")) == 2, what="two keys")
    hands.sign_in(person)
    # The one that she has had longer still works, and then the new one can go.
    exchange(hands, person, first)
    hands.sign_in(person)
    browser.open(house.url("portal", "/keys"))
    browser.submit("#keys > li:last-child form.key-remove")
    browser.see("form#webauthn")
    hands.use_key(person)
    browser.until(lambda: browser.has("#only-key"), what="one key")


def exchange(hands, person, key):
    """Puts another key into the browser; the one that was there."""
    from house.people import put_away

    put_away(person)
    old, person.key = person.key, key
    hands.hold(person)
    return old


def test_a_key_cannot_be_added_without_the_proof(house, hands, member):
    hands.sign_in(member)
    hands.browser.open(house.url("portal", "/keys/register")).see("#main")
    assert not hands.browser.has("form#webauthn [name=key_name]")
