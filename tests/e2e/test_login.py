"""A terminal on the machine that a person allows to act for her; and a unit's manager, who has no terminal."""

import re

from house.gateway import LOGIN_NEEDED, binary, succeeded
from house.processes import Process, until


def test_a_verb_waits_for_a_person_who_compares_the_code_and_uses_her_key(fresh_house):
    house, gateway = fresh_house, fresh_house.gateway
    member, warden = house.person(), house.warden()
    refused = gateway.run("account", "list")
    assert refused.returncode == LOGIN_NEEDED and "run `yumen login` first" in refused.stderr, refused.stderr

    login = Process([binary(), "login", "--data", gateway.data], env=gateway.env)
    until(lambda: "this code" in "\n".join(login.out), 10, "the terminal shows its code")
    said = "\n".join(login.out)
    link, code = re.search(r"https://\S+", said)[0], re.search(r"code:\s+(\S+)", said)[1]
    # A member who is given the link allows nothing.
    hands = house.hands()
    hands.sign_in(member)
    hands.browser.open(link).see("#error")
    office = house.hands("office")
    office.browser.forget()
    office.browser.open(link)
    office.finish_sign_in(warden)
    assert office.browser.text("#terminal-shown-code") == code
    assert login.running()
    office.allow_terminal(warden)
    assert login.wait(20) == 0, login.story()
    assert warden.name in login.story()

    assert member.name in succeeded(gateway.run("account", "list"))
    succeeded(gateway.run("account", "disable", member.name))
    disabled = [entry for entry in gateway.audit() if entry.get("action") == "account-disabled"]
    assert disabled[-1]["who"]["name"] == warden.name and disabled[-1]["details"]["through"] == "terminal", disabled
    # It ends with the session that allowed it.
    office.sign_out()
    assert gateway.run("account", "enable", member.name).returncode == LOGIN_NEEDED
    assert gateway.run("status").returncode == 0


def test_logging_out_ends_what_the_login_began(fresh_house):
    gateway = fresh_house.gateway
    fresh_house.warden()
    gateway.log_in()
    succeeded(gateway.run("account", "list"))
    succeeded(gateway.run("logout"))
    assert gateway.run("account", "list").returncode == LOGIN_NEEDED


def test_a_unit_manager_has_her_unit_and_nothing_else(house, hands, warden):
    manager, stranger = house.person(unit="教育局"), house.person(unit="财政局")
    office = house.hands("office")
    office.sign_in(warden, house.url("portal", f"/console/accounts?q={manager.name}"))
    office.browser.driver.find_element("link text", manager.name).click()
    office.browser.submit("form#account-appoint")
    office.browser.see("#manages-unit")

    browser = hands.browser
    hands.sign_in(manager)
    assert not browser.has("#to-console")
    browser.click("#to-unit")
    assert "教育局" in browser.text("#unit-name")
    assert browser.has(f"tr[data-name='{manager.name}']") and not browser.has(f"tr[data-name='{stranger.name}']")
    name = f"{manager.name}-new"
    browser.fill("form#invite [name=name]", name)
    browser.submit("form#invite")
    browser.see("input#invitation-link")
    browser.click("a#back")
    browser.click(f"tr[data-name='{name}'] a.member-disable")
    assert browser.text("#confirm-name") == name
    browser.submit("form#confirm")
    browser.see(f"tr[data-name='{name}'] .badge.disabled")
    assert not browser.has(f"tr[data-name='{name}'] a.member-disable")
    browser.open(house.url("portal", "/console/accounts")).see("#error")
    assert not browser.has("form#invite")
