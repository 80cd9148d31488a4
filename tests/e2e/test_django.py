"""A person's work in a real back office, as if the gateway were not there."""

import hashlib
import os
import re

import pytest

DIGEST = """
fetch(arguments[0]).then(answer => answer.arrayBuffer()).then(bytes => crypto.subtle.digest('SHA-256', bytes))
  .then(hash => done([...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, '0')).join('')), error => done(String(error)));
"""

FETCH = """
fetch(arguments[0], arguments[1] || {}).then(async answer => done({status: answer.status, type: answer.headers.get('content-type'),
  url: answer.url, redirected: answer.redirected, text: await answer.text()}), error => done({error: String(error)}));
"""


@pytest.fixture
def admin(house, hands, member):
    """Django's admin, signed in at the gateway and then at Django."""
    browser = hands.browser
    hands.sign_in(member, house.url("sites", "/admin/"))
    browser.fill("#login-form [name=username]", house.site.user)
    browser.fill("#login-form [name=password]", house.site.password)
    browser.submit("#login-form")
    browser.see("#user-tools")
    assert browser.url == house.url("sites", "/admin/")
    return browser


def article(browser, house, title, body, attachment=None):
    browser.open(house.url("sites", "/admin/articles/article/add/"))
    browser.fill("[name=title]", title)
    browser.fill("[name=body]", body)
    if attachment:
        browser.see("[name=attachment]").send_keys(str(attachment))
    browser.click("[name=_continue]")
    browser.see("li.success")


def test_an_article_is_written_changed_and_deleted(house, admin):
    title = f"政府信息公开 {os.urandom(4).hex()}"
    article(admin, house, title, "第一段\nئىككىنچى ئابزاس")
    assert admin.see("[name=body]").get_attribute("value") == "第一段\nئىككىنچى ئابزاس"
    admin.fill("[name=title]", title + " (2)")
    admin.click("[name=_save]")
    admin.see("li.success")
    assert admin.url == house.url("sites", "/admin/articles/article/")
    admin.until(lambda: title + " (2)" in admin.text("#result_list"), what="the new title in the list")
    admin.driver.find_element("link text", title + " (2)").click()
    admin.click("a.deletelink")
    admin.click("#content form input[type=submit]")
    admin.see("li.success")
    admin.open(house.url("sites", "/admin/articles/article/")).see("#changelist")
    assert f"{title} (2)" not in admin.text("#changelist")


def test_an_uploaded_file_comes_back_byte_for_byte(house, admin, tmp_path):
    content = os.urandom(3_000_000)
    file = tmp_path / "附件.bin"
    file.write_bytes(content)
    article(admin, house, "with a file", "", file)
    link = admin.see("p.file-upload a").get_attribute("href")
    assert link.startswith(house.url("sites", "/media/attachments/"))
    assert admin.js(DIGEST, link) == hashlib.sha256(content).hexdigest()
    with house.client("sites", admin.cookies()) as client:
        assert client.ask("GET", re.sub("^https://[^/]*", "", link)).body == content


def test_django_still_refuses_what_has_no_csrf_token(house, admin):
    answer = admin.js(FETCH, "/admin/articles/article/add/", {"method": "POST", "body": "title=x"})
    assert answer["status"] == 403 and "CSRF" in answer["text"]


def test_redirects_stay_on_the_public_host(house, admin):
    with house.client("sites", admin.cookies()) as client:
        answer = client.ask("GET", "/moved/")
        assert (answer.status, answer.headers["Location"]) == (302, house.url("sites", "/seen/"))
        page = client.ask("GET", "/admin/articles/article/add/").body.decode()
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        fields = {
            "Accept": "text/html",
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": house.origin("sites"),
            "Referer": house.url("sites", "/admin/articles/article/add/"),
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
        }
        answer = client.ask("POST", "/admin/articles/article/add/", fields, f"csrfmiddlewaretoken={token}&title=x&body=")
        assert answer.status == 302
        assert answer.headers["Location"].startswith(("/admin/", house.url("sites", "/admin/")))


def test_the_site_learns_who_she_is_and_never_sees_the_gateways_cookies(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    assert cookies and all(name.startswith("__Host-") for name in cookies)
    with house.client("sites", {**cookies, "theme": "plain"}) as client:
        forged = {"Accept": "text/html", "X-Forwarded-User": "root", "X-Forwarded-Groups": "all", "X-Forwarded-Host": "evil.test"}
        seen = client.ask("GET", "/seen/", forged).json()
    assert seen["headers"]["X-Forwarded-User"] == member.name
    assert "all" not in seen["headers"].get("X-Forwarded-Groups", "")
    assert seen["address"] == house.url("sites", "/")
    assert seen["cookies"] == ["theme"]


def test_the_site_can_set_cookies_of_its_own_but_not_the_gateways(house, hands, member):
    cookies = house.cookies_of(member, "sites", "/seen/")
    (name,) = cookies
    assert hands.browser.js(FETCH, f"/cookie/?name={name}")["text"] == "set"
    now = hands.browser.cookies()
    assert now[name] == cookies[name] and now["theme"] == "plain"
    hands.browser.open(house.url("sites", "/seen/"))
    assert hands.browser.url == house.url("sites", "/seen/")
