"""Password and key, and back to where the person wanted to go."""

# A browser that asks the key for less than the page says: the gateway must see by itself that nobody was verified.
ASKS_FOR_LESS = """
const get = navigator.credentials.get.bind(navigator.credentials);
navigator.credentials.get = options =>
  get({...options, publicKey: {...options.publicKey, userVerification: 'discouraged'}});
"""


def test_password_then_key_leads_to_the_portal_with_the_apps_that_are_hers(house, hands, member):
    hands.sign_in(member)
    assert hands.browser.text("#signed-in-name") == member.name
    assert hands.browser.has("a#app-sites") and hands.browser.has("a#app-echo")
    assert not hands.browser.has("a#app-closed")
    hands.browser.click("a#app-sites")
    hands.browser.see("h1#site")


def test_the_return_address_survives_sign_in(house, hands, member):
    wanted = house.url("sites", "/seen/?q=%E4%BF%A1%E6%81%AF&x=1")
    hands.sign_in(member, wanted)
    assert hands.browser.url == wanted


def test_the_return_address_survives_sign_in_in_two_tabs_at_once(house, hands, member):
    browser = hands.browser
    wanted = [house.url("sites", "/seen/?tab=1"), house.url("echo", "/?tab=2")]
    first = browser.tab
    browser.open(wanted[0]).see("form#sign-in")
    hands.type_password(member)
    browser.see("form#webauthn")
    second = browser.new_tab()
    try:
        browser.open(wanted[1]).see("form#sign-in")
        hands.finish_sign_in(member)
        browser.at(wanted[1])
        browser.to_tab(first)
        hands.use_key(member)
        # Her other tab has signed her in meanwhile: whether the key is asked again or not, she gets where she wanted to.
        browser.at(wanted[0])
        assert browser.url == wanted[0]
    finally:
        browser.to_tab(second)
        browser.close_tab(first)


def test_a_return_address_on_another_host_is_not_followed(house, hands, member):
    hands.browser.open(house.url("portal", "/sign-in?path=https://evil.test/&app=sites"))
    hands.browser.see("#main")
    if hands.browser.has("form#sign-in"):
        hands.finish_sign_in(member)
        hands.browser.until(lambda: not hands.browser.has("form#webauthn"), what="leave the sign-in page")
    assert hands.browser.url.startswith(tuple(house.url(app, "") for app in ("portal", "sites")))


def test_the_key_comes_first_where_the_account_is_in_it(house, hands):
    person = house.person(keeps_accounts=True)
    wanted = house.url("sites", "/seen/?first=key")
    hands.browser.forget()
    hands.browser.open(wanted).see("form#key-first")
    hands.browser.submit("form#key-first")
    hands.use_key(person)
    if hands.browser.see_one_of("body:not(:has(form))", "input[name=password]") == "input[name=password]":
        hands.browser.fill("input[name=password]", person.password)
        hands.browser.submit("form:has(input[name=password])")
    hands.browser.at(wanted)


def test_the_key_comes_first_only_where_the_account_is_in_it(house, hands):
    member = house.person(keeps_accounts=False)
    hands.browser.forget()
    hands.browser.open(house.url("portal", "/sign-in")).see("form#key-first")
    hands.browser.submit("form#key-first")
    hands.use_key(member)
    assert hands.browser.text("#webauthn-status[data-tone=fail]"), "the page says that no key fits"
    hands.browser.open(house.gateway.portal).see("form#sign-in")


def test_a_wrong_password_never_reaches_the_key_and_the_right_one_does(fresh_house):
    house, hands = fresh_house, fresh_house.hands()
    person = house.person()
    hands.browser.forget()
    hands.browser.open(house.gateway.portal).see("form#sign-in")
    hands.type_password(person, "not her password")
    wrong = hands.browser.text("#alert.error")
    assert not hands.browser.has("form#webauthn")
    hands.type_password(person)
    hands.use_key(person)
    hands.browser.see("form#sign-out")
    # A name that nobody has gets the same words.
    hands.browser.forget()
    hands.browser.open(house.gateway.portal).see("form#sign-in")
    person.name, name = "nobody-at-all", person.name
    hands.type_password(person)
    assert hands.browser.text("#alert.error") == wrong
    person.name = name


def test_a_key_that_did_not_verify_its_user_is_refused(house, hands, member):
    hands.hold(member)
    with hands.browser.scripted(ASKS_FOR_LESS):
        hands.browser.open(house.gateway.portal).see("form#sign-in")
        hands.type_password(member)
        hands.browser.see("form#webauthn")
        hands.browser.verifies(False)
        hands.use_key(member)
        hands.browser.see("#alert.error, #error")
    hands.browser.verifies(True)
    hands.browser.open(house.gateway.portal).see("form#sign-in")
    hands.sign_in(member)


def test_sign_out_ends_the_session_on_every_host(house, hands, member):
    cookies = house.cookies_of(member, "sites")
    with house.client("sites", cookies) as client:
        assert client.ask("GET", "/seen/").status == 200
        hands.sign_out()
        assert client.ask("GET", "/seen/").status != 200
    hands.browser.open(house.url("sites", "/seen/")).see("form#sign-in")
