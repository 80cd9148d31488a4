"""Every page, in three languages and both colour schemes, wide and narrow; each leaves its pictures (see `house/eyes.py`)."""

from urllib.parse import quote

import pytest
from house.eyes import Eyes, asking_for
from house.layout import LOCALHOST
from house.people import Person, put_away

# The pages are the same under every name: one layout is enough.
pytestmark = [pytest.mark.parametrize("layout", [LOCALHOST], indirect=True, ids=["localhost"]), pytest.mark.timeout(600)]

LANGUAGES = [("zh-Hans", "ltr"), ("ug", "rtl"), ("en", "ltr")]
WORDS = pytest.mark.parametrize("language, direction", LANGUAGES, ids=[language for language, _ in LANGUAGES])

# Whom the console lists.
TOWN = [
    ("李雪梅", "宣传部", "member"),
    ("陈建国", "宣传部", "member"),
    ("ئايگۈل ياسىن", "民族宗教事务局", "member"),
    ("ئالىم ئەخمەت", "民族宗教事务局", "member"),
    ("zhao.lei", "财政局", "member"),
    ("孙丽", "审计局", "auditor"),
    ("پەرھات تۇرسۇن", "教育局", "member"),
    ("周强", "信息中心", "system-administrator"),
]

# A unit with more people than a page of a list has rows.
CROWD, CROWD_SIZE = "ئۈرۈمچى شەھەرلىك ئارخىپ ئىدارىسى", 43

# More tokens than a page of a list has rows.
STOCK = 42

# Who walks through the pages, who has no app, and who is invited at the console.
NAMES = {
    "zh-Hans": ("马晓燕", "吴丹", "赵敏"),
    "ug": ("گۈلنار ھاشىم", "دىلنۇر ئابلىز", "ئادىل قۇربان"),
    "en": ("lin.tao", "audit.desk", "chen.yu"),
}


@pytest.fixture(scope="session")
def town(house):
    for name, unit, role in TOWN:
        house.gateway.invite(name, unit, role)
    for number in range(CROWD_SIZE):
        house.gateway.invite(f"archive{number}", CROWD)
    house.gateway.account("disable", "孙丽")
    house.gateway.stock(*(f"FT-{number:04}" for number in range(STOCK)))
    house.gateway.token("issue", "FT-0001", "周强")
    house.gateway.token("issue", "FT-0002", "ئالىم ئەخمەت")
    house.gateway.token("lost", "FT-0002")
    house.gateway.token("revoke", "FT-0003")
    return house


@pytest.fixture(scope="session")
def chief(town):
    """The security administrator at whose desk the console is looked at."""
    return town.warden()


def eyes(house, browser, shots, language, direction):
    with house.client("portal") as client:
        icon = client.ask("GET", "/assets/favicon.svg")
    assert icon.status == 200
    return Eyes(browser, shots, language, direction, len(icon.body))


@WORDS
def test_the_pages_of_enrolment_sign_in_and_portal(house, hands, shots, language, direction):
    browser = hands.browser
    see = eyes(house, browser, shots, language, direction)
    name, auditor, _ = NAMES[language]
    person = Person(name, unit="财政局")
    with asking_for(browser, language):
        enrols(house, hands, see, person)
        signs_in(house, hands, see, person)
        looks_after_herself(house, hands, see, person)
        finds_nothing(house, hands, see, house.person(role="auditor", unit="审计局", name=auditor))
    assert len(see.seen) == len(set(see.seen)) == 25
    see.tell("person")


def enrols(house, hands, see, person):
    browser = hands.browser
    link = house.gateway.invite(person.name, person.unit)
    browser.open("about:blank").open(link).see("button#enrol-begin:enabled")
    see.look("enrol-open")
    browser.submit("form#enrol-open")
    browser.fill("form#enrol-password [name=password]", person.password)
    browser.fill("form#enrol-password [name=again]", person.password + "!")
    browser.submit("form#enrol-password")
    browser.see("#alert.error")
    see.look("enrol-password")
    hands.choose_password(person)
    browser.see("form#webauthn #webauthn-status[data-state=ready]")
    see.look("enrol-key")
    hands.hold(person)
    hands.register_key("一号密钥")
    browser.see("form#enrol-finish")
    see.look("enrol-second-key")
    # The second key is another one.
    put_away(person)
    browser.plug_in()
    hands.register_key("备用密钥")
    browser.until(lambda: not browser.has("form#webauthn"), what="both keys are registered")
    browser.unplug()
    browser.submit("form#enrol-finish")
    browser.see("a#to-sign-in")
    see.look("enrol-done")
    hands.open_invitation(link)
    browser.see("#enrol-invalid")
    see.look("enrol-invalid")
    browser.open("about:blank").open(house.url("portal", "/enrol")).see("#enrol-incomplete")
    see.look("enrol-incomplete")


def signs_in(house, hands, see, person):
    browser = hands.browser
    browser.forget()
    browser.open(house.url("sites")).see("form#sign-in")
    see.look("sign-in")
    hands.type_password(person, "not her password")
    browser.see("#alert.error")
    see.look("sign-in-wrong")
    browser.submit("form#key-first")
    browser.see("#webauthn-status[data-state=ready]")
    see.look("sign-in-key-first")
    browser.click("a#back")
    hands.type_password(person)
    browser.see("#webauthn-status[data-state=ready]")
    see.look("sign-in-key")
    hands.hold(person)
    # She does not touch the key; then the PIN is wrong; then all is well.
    browser.touches(False)
    browser.click("button#use-key")
    browser.see("#webauthn-status[data-state=waiting]")
    see.look("sign-in-key-waiting")
    browser.touches(True)
    browser.open(browser.url).see("#webauthn-status[data-state=ready]")
    browser.verifies(False)
    browser.click("button#use-key")
    browser.see("#webauthn-status[data-tone=fail]")
    see.look("sign-in-key-failed")
    see.in_forced_colours("sign-in-key-failed")
    browser.verifies(True)
    browser.click("button#use-key")
    browser.see("h1#site")


def looks_after_herself(house, hands, see, person):
    browser = hands.browser
    browser.open(house.url("portal")).see("ul#apps")
    browser.click("a#app-echo")
    browser.at(house.url("echo", ""))
    browser.open(house.url("portal")).see("#app-echo .recent")
    assert browser.has("ul#apps li:first-child a#app-echo")
    see.look("portal")
    see.in_forced_colours("portal")
    browser.fill("input#q", "zzz")
    browser.see("#apps-none")
    see.look("portal-none")
    browser.open(house.url("portal", "/keys")).see("form.key-remove")
    see.look("keys")
    browser.submit("form.key-remove")
    browser.see("#webauthn-status[data-state=ready]")
    see.look("keys-prove")
    browser.click("a#back")
    browser.submit("form#key-add")
    hands.use_key(person)
    browser.see("form#webauthn [name=key_name]")
    see.look("keys-register")
    browser.open(house.url("portal", "/sessions")).see("#sessions")
    see.look("sessions")
    browser.open(house.url("portal", "/nowhere")).see("#error")
    see.look("error")
    # The system behind it does not answer.
    browser.open(house.url("closed")).see("#error")
    see.look("app-unreachable")
    put_away(person)
    hands.sign_out()
    see.look("signed-out")


def finds_nothing(house, hands, see, person):
    browser = hands.browser
    hands.sign_in(person)
    browser.see("#no-apps")
    see.look("portal-empty")
    browser.open(house.url("sites")).see("#error[data-status='403']")
    see.look("app-refused")
    browser.open(house.url("portal", "/console/accounts")).see("#error")
    see.look("console-refused")


@WORDS
def test_the_pages_of_the_console(house, chief, shots, language, direction):
    office = house.hands("office")
    browser = office.browser
    see = eyes(house, browser, shots, language, direction)
    with asking_for(browser, language):
        office.sign_in(chief, house.url("portal", "/console/accounts"))
        see.look("console-accounts")
        see.in_forced_colours("console-accounts")
        see.on_paper("console-accounts", "table#accounts")
        browser.open(house.url("portal", f"/console/accounts?unit={quote(CROWD)}")).see("a#next-page")
        assert browser.text("#accounts-found") == str(CROWD_SIZE) and not browser.has("a#previous-page")
        first = {one.text for one in browser.all("table#accounts tbody th bdi")}
        browser.click("a#next-page")
        browser.see("a#previous-page")
        see.look("console-accounts-next")
        rest = {one.text for one in browser.all("table#accounts tbody th bdi")}
        assert len(first) == 40 and len(rest) == CROWD_SIZE - 40 and not first & rest and not browser.has("a#next-page")
        browser.open(house.url("portal", "/console/accounts?q=zzz")).see("#no-accounts")
        see.look("console-accounts-none")
        browser.open(house.url("portal", "/console/units")).see("table#units")
        see.look("console-units")
        see.on_paper("console-units", "table#units")
        browser.open(house.url("portal", "/console/sessions")).see("table#sessions")
        see.look("console-sessions")
        see.on_paper("console-sessions", "table#sessions")
        browser.open(house.url("portal", "/console/sessions?q=zzz")).see("#no-sessions")
        see.look("console-sessions-none")
        browser.open(house.url("portal", "/console/sessions"))
        browser.click("a.session-end")
        browser.see("form#confirm")
        see.look("console-confirm-end-session")
        someone = NAMES[language][2]
        browser.open(house.url("portal", "/console/accounts?state=invited")).see("form#invite")
        browser.fill("form#invite [name=name]", "孙丽")
        browser.fill("form#invite [name=unit]", "教育局")
        browser.submit("form#invite")
        browser.see("#alert.error")
        see.look("console-accounts-wrong")
        browser.fill("form#invite [name=name]", someone)
        browser.submit("form#invite")
        browser.see("input#invitation-link")
        see.look("console-invitation")
        see.on_paper("console-invitation", "p.only-print code", "#invitation-until")
        browser.open(house.url("portal", f"/console/accounts?q={someone}"))
        browser.driver.find_element("link text", someone).click()
        browser.see("#no-tokens")
        see.look("console-account-invited")
        browser.click("a#account-disable")
        browser.see("form#confirm")
        see.look("console-confirm-disable")
        browser.open(house.url("portal", f"/console/accounts?q={chief.name}"))
        browser.driver.find_element("link text", chief.name).click()
        browser.see("table#tokens")
        see.look("console-account")
        browser.click("a#account-end-sessions")
        browser.see("form#confirm")
        see.look("console-confirm-end-sessions")
    assert len(see.seen) == len(set(see.seen)) == 13
    see.tell("console")


@WORDS
def test_the_pages_of_the_inventory(house, chief, shots, language, direction):
    office = house.hands("office")
    browser = office.browser
    see = eyes(house, browser, shots, language, direction)
    with asking_for(browser, language):
        office.sign_in(chief, house.url("portal", "/console/accounts"))
        browser.click("a#to-console-tokens")
        browser.see("table#tokens")
        see.look("console-tokens")
        see.in_forced_colours("console-tokens")
        see.on_paper("console-tokens", "table#tokens")
        first = {one.text for one in browser.all("table#tokens tbody th bdi")}
        browser.click("a#next-page")
        browser.see("a#previous-page")
        rest = {one.text for one in browser.all("table#tokens tbody th bdi")}
        assert len(first) == 40 and len(rest) >= 2 and not first & rest
        browser.open(house.url("portal", "/console/tokens?q=FT-0&state=lost")).see("table#tokens")
        assert [one.text for one in browser.all("table#tokens tbody th bdi")] == ["FT-0002"]
        assert browser.see("a#tokens-export").get_attribute("href").endswith("/console/tokens.csv?q=FT-0&state=lost")
        browser.open(house.url("portal", "/console/tokens?q=zzz")).see("#no-tokens")
        see.look("console-tokens-none")
        browser.open(house.url("portal", "/console/tokens/FT-0040")).see("form#token-issue")
        see.look("console-token-in-stock")
        browser.fill("form#token-issue [name=account]", "nobody here")
        browser.submit("form#token-issue")
        browser.see("#alert.error")
        see.look("console-token-wrong")
        browser.open(house.url("portal", "/console/tokens/FT-0002")).see("#token-ended")
        see.look("console-token-ended")
        browser.open(house.url("portal", f"/console/tokens?kind=webauthn&q={quote(chief.name)}"))
        browser.click("table#tokens tbody th a")
        browser.see("a#token-suspend")
        see.look("console-token-active")
        for act in ("suspend", "lost", "revoke"):
            browser.click(f"a#token-{act}")
            browser.see("form#confirm")
            assert browser.text("#confirm-name") == chief.name
            see.look(f"console-confirm-token-{act}")
            browser.click("a#back")
            browser.see("#token-state[data-state=active]")
        imports(house, browser, see, language)
    assert len(see.seen) == len(set(see.seen)) == 12
    see.tell("inventory")


@WORDS
def test_the_pages_of_an_auditor(house, town, shots, language, direction):
    desk = house.hands("audit")
    browser = desk.browser
    see = eyes(house, browser, shots, language, direction)
    auditor = house.person(role="auditor", unit="审计局", place="audit", name=f"log.{language.lower()}")
    with asking_for(browser, language):
        desk.sign_in(auditor, house.url("portal", "/console/log"))
        browser.see("table#log")
        see.look("console-log")
        see.in_forced_colours("console-log")
        see.on_paper("console-log", "table#log")
        browser.click("a#older")
        browser.see("a#newest")
        see.look("console-log-older")
        browser.open(house.url("portal", "/console/log?account=nobody")).see("#no-records")
        see.look("console-log-none")
        browser.open(house.url("portal", "/console/log?address=x&from=y&kind=z")).see("#log-wrong")
        see.look("console-log-wrong")
        browser.open(house.url("portal", "/console/log/2")).see("#proof")
        see.look("console-log-record")
        see.on_paper("console-log-record", "#raw", "#note")
        browser.open(house.url("portal", "/console/log/charts")).see("svg#chart")
        browser.click("#figures-open")
        see.look("console-log-charts")
        see.in_forced_colours("console-log-charts")
        see.on_paper("console-log-charts", "svg#chart", "table#apps")
    assert len(see.seen) == len(set(see.seen)) == 6
    see.tell("auditor")


@WORDS
def test_the_pages_of_terminals_and_of_a_units_manager(house, chief, shots, language, direction):
    office = house.hands("office")
    browser = office.browser
    see = eyes(house, browser, shots, language, direction)
    manager = house.person(unit="财政局", name=f"unit.{language.lower()}")
    with asking_for(browser, language):
        office.sign_in(chief, house.url("portal", "/terminal"))
        browser.see("form#terminal-code")
        see.look("terminal-code")
        login, link = house.gateway.begin_login()
        browser.open(link).see("#webauthn-status[data-state=ready]")
        see.look("terminal")
        see.in_forced_colours("terminal")
        office.allow_terminal(chief)
        see.look("terminal-allowed")
        assert login.wait(20) == 0, login.story()
        browser.open(house.url("portal", f"/console/accounts?q={manager.name}"))
        browser.driver.find_element("link text", manager.name).click()
        browser.submit("form#account-appoint")
        browser.see("#manages-unit")
        see.look("console-account-manager")
        put_away(chief)
        office.sign_in(manager, house.url("portal", "/unit"))
        browser.see("table#members")
        see.look("unit")
        see.on_paper("unit", "table#members")
        browser.open(house.url("portal", "/unit?q=zzz")).see("#no-accounts")
        see.look("unit-none")
        browser.fill("form#invite [name=name]", f"new.{language}")
        browser.submit("form#invite")
        browser.see("input#invitation-link")
        see.look("unit-invitation")
        browser.click("a#back")
        browser.click(f"tr[data-name='new.{language.lower()}'] a.member-disable")
        browser.see("form#confirm")
        see.look("unit-confirm-disable")
        put_away(manager)
    assert len(see.seen) == len(set(see.seen)) == 8
    see.tell("roles")


def imports(house, browser, see, language):
    """A delivery: wrong at first, then right."""
    browser.open(house.url("portal", "/console/tokens"))
    browser.click("a#tokens-import")
    browser.see("form#import")
    see.look("console-import")
    names = [f"{language.upper()}-{number}" for number in (1, 2)]
    browser.fill("form#import [name=seeds]", f"FT-0001,{'31' * 20}\nA B,{'31' * 20}\n{names[0]},31\n")
    browser.submit("form#import")
    browser.see("#import-problems")
    assert len(browser.all("#import-problems li")) == 2
    see.look("console-import-problems")
    file = house.folder / f"{language}.csv"
    file.write_text("".join(f"{name},{'31' * 20}\n" for name in names))
    browser.see("input#import-file").send_keys(str(file))
    text = lambda: browser.see("textarea#import-seeds").get_attribute("value")  # noqa: E731
    browser.until(lambda: names[1] in text() and "FT-0001" not in text(), what="the file is in the field")
    browser.submit("form#import")
    browser.see("#import-fits")
    see.look("console-import-fits")
    browser.click("button#import-submit")
    browser.see("#alert.done")
    browser.open(house.url("portal", f"/console/tokens?q={language.upper()}-")).see("table#tokens")
    assert [one.text for one in browser.all("table#tokens tbody th bdi")] == names


def test_the_console_narrows_its_lists(house, town, chief):
    office = house.hands("office")
    browser = office.browser
    office.sign_in(chief, house.url("portal", "/console/units"))
    unit = next(row for row in browser.all("table#units tbody tr") if row.find_element("css selector", "th").text == "民族宗教事务局")
    assert unit.find_element("css selector", "td.number").text == "2"
    unit.find_element("css selector", "th a").click()
    browser.see("table#accounts")
    assert {one.text for one in browser.all("table#accounts tbody th bdi")} == {"ئايگۈل ياسىن", "ئالىم ئەخمەت"}
    # Other tests have their people in the same house: those here are told apart by their units.
    audit, treasury, office_unit = quote("审计局"), quote("财政局"), quote("信息中心")
    for query, names in [
        (f"unit={audit}&state=disabled", {"孙丽"}),
        (f"unit={office_unit}&role=system-administrator", {"周强"}),
        ("q=zhao&role=member", {"zhao.lei"}),
        ("q=zhao&role=auditor", set()),
        (f"unit={treasury}&q=zhao&state=invited", {"zhao.lei"}),
    ]:
        browser.open(house.url("portal", f"/console/accounts?{query}")).see("form#filter")
        assert {one.text for one in browser.all("table#accounts tbody th bdi")} == names, query
    # Another language shows the same.
    browser.open(house.url("portal", f"/console/accounts?unit={audit}&state=disabled"))
    browser.click("#language-zh-Hans")
    browser.see("html[lang='zh-Hans']")
    assert [one.text for one in browser.all("table#accounts tbody th bdi")] == ["孙丽"]
    browser.click("#language-en")
    browser.open(house.url("portal", f"/console/sessions?q={chief.name}")).see("table#sessions")
    assert {one.text for one in browser.all("table#sessions tbody th bdi")} == {chief.name}
    browser.open(house.url("portal", f"/console/sessions?q={chief.name}&app=closed")).see("#no-sessions")


def test_the_portal_finds_an_app_as_one_types_and_without_a_script(house, hands, member):
    hands.sign_in(member)
    browser = hands.browser
    shown = lambda: [one.get_attribute("id") for one in browser.all("ul#apps a") if one.is_displayed()]  # noqa: E731
    assert sorted(shown()) == ["app-echo", "app-sites"]
    browser.fill("input#q", "WEBSITE clu")
    browser.until(lambda: shown() == ["app-sites"], what="one is left")
    assert browser.text("#apps-shown") == "1"
    browser.fill("input#q", "公开")
    browser.until(lambda: shown() == ["app-echo"], what="names of every language count")
    # As a browser without a script asks.
    browser.open(house.url("portal", "/?q=cluster")).see("ul#apps")
    assert shown() == ["app-sites"]


def test_recent_apps_come_first_for_her_alone(house, hands, member):
    hands.sign_in(member)
    browser = hands.browser
    first = lambda: browser.see("ul#apps li:first-child a").get_attribute("id")  # noqa: E731
    for app in ("sites", "echo", "sites"):
        browser.open(house.url("portal")).see("ul#apps")
        browser.click(f"a#app-{app}")
        browser.at(house.url(app, ""))
        browser.open(house.url("portal"))
        assert first() == f"app-{app}"
    hands.sign_out()
    other = house.person()
    # Her browser keeps what another person left in it.
    browser.open(house.gateway.portal).see("form#sign-in")
    hands.finish_sign_in(other)
    browser.see("form#sign-out")
    assert not browser.has("#apps .recent") and first() == "app-echo"
    browser.open(house.url("portal", "/open/closed")).see("#error[data-status='403']")
    browser.open(house.url("portal", "/open/nowhere")).see("#error[data-status='404']")
