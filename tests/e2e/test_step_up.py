"""Step-up in place: a form waits for its writer's key, and is sent once."""

import os

import pytest
from house.gateway import run

RULE = """\
[[app.rule]]
name = "publishing"
roles = ["member"]
methods = ["POST"]
paths = ["/admin/articles/**"]
fresh = "60s"

"""

POST = """
fetch(arguments[0], {method: 'POST', body: new URLSearchParams({title: ''})})
  .then(async answer => done([answer.status, await answer.text()]), error => done([0, String(error)]));
"""


# The shortest time that a proof may be asked to be fresh is a minute, and a browser's minute cannot be set forward.
@pytest.mark.timeout(300)
def test_a_form_is_not_lost_when_its_writer_must_prove_it_once_more(fresh_house):
    house, gateway = fresh_house, fresh_house.gateway
    editors = '[[app.rule]]\nname = "editors"'
    gateway.config.write_text(gateway.config.read_text().replace(editors, RULE + editors))
    assert run("reload", "--data", gateway.data).returncode == 0
    person = house.person()
    hands = house.hands()
    browser = hands.browser
    hands.sign_in(person, house.url("sites", "/admin/"))
    browser.fill("#login-form [name=username]", house.site.user)
    browser.fill("#login-form [name=password]", house.site.password)
    browser.submit("#login-form")
    browser.see("#user-tools")

    title, add = f"政府信息公开 {os.urandom(4).hex()}", "/admin/articles/article/add/"
    browser.open(house.url("sites", add))
    browser.fill("[name=title]", title)
    browser.fill("[name=body]", "第一段\nئىككىنچى ئابزاس")

    def is_too_old():
        status, text = browser.js(POST, add)
        return status == 401 and "step-up-needed" in text and house.url("sites", "/.yumen/step-up") in text

    browser.until(is_too_old, 90, "the sign-in is too long ago for publishing")
    browser.click("[name=_save]")
    browser.at(f"{gateway.portal}step-up")
    browser.see("#step-up-form-kept")
    session = browser.cookies()["__Host-yumen"]
    browser.click("#use-key")

    browser.at(house.url("sites", "/.yumen/kept/"))
    kept = browser.url
    shown = browser.text("#kept-fields")
    assert title in shown and "第一段" in shown and add in shown
    assert "csrfmiddlewaretoken" in shown and browser.cookies()["csrftoken"] not in shown
    browser.submit("form#kept-send")
    browser.see("li.success")
    assert browser.url == house.url("sites", "/admin/articles/article/")
    browser.until(lambda: browser.text("#result_list").count(title) == 1, what="the article, once")

    browser.open(kept).see("#kept")
    assert not browser.has("form#kept-send")
    browser.open(house.url("sites", "/admin/articles/article/"))
    assert browser.text("#result_list").count(title) == 1
    browser.open(gateway.portal)
    assert browser.cookies()["__Host-yumen"] != session
    actions = [record.get("action") for record in gateway.audit()]
    assert [actions.count(action) for action in ("form-kept", "step-up", "form-sent")] == [1, 1, 1]
