"""What an operator does at the machine."""

import re
import shutil

from house.gateway import ROOT, run


def test_check_accepts_the_config_that_serves(house):
    ended = run("check", "--config", house.gateway.config)
    assert ended.returncode == 0, ended.stderr


def test_check_names_file_and_line_of_every_mistake_at_once(house, tmp_path):
    wrong = tmp_path / "wrong.toml"
    text = house.gateway.config.read_text()
    text = text.replace('label = "internal"', 'label = "secret"', 1).replace("websocket = true", "web_socket = true")
    wrong.write_text(text)
    ended = run("check", "--config", wrong)
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    for mistake in ('"secret"', "web_socket"):
        line = next(number for number, text in enumerate(wrong.read_text().splitlines(), 1) if mistake in text)
        assert re.search(rf"wrong\.toml:{line}\b", said), f"{mistake} on line {line}:\n{said}"
    assert "panicked" not in said


def test_serve_refuses_a_config_that_check_refuses(house, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(house.gateway.config.read_text().replace("[portal]", "[gate]"))
    ended = run("serve", "--config", wrong)
    assert ended.returncode != 0 and "wrong.toml" in ended.stdout + ended.stderr


def test_the_example_config_lacks_nothing_but_the_certificates_that_only_the_operator_has(tmp_path):
    text = (ROOT / "config" / "yumen.toml").read_text()
    named = re.findall(r'"\.\./certs/([^"]+)"', "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert len(named) == len(set(named)) >= 2
    # A place where none of them are.
    example = tmp_path / "config" / "yumen.toml"
    example.parent.mkdir()
    example.write_text(text)
    shutil.copy(ROOT / "config" / "plan.toml", example.parent)
    ended = run("check", "--config", example)
    assert ended.returncode == 1, ended.stderr
    complaints = re.findall(r"^(?:.*: )?error: (.*)$", ended.stderr, re.MULTILINE)
    lacking = [re.fullmatch(r"the [a-z ]+ \S+/certs/(\S+) cannot be read: no such file or directory", one) for one in complaints]
    assert all(lacking), ended.stderr
    assert sorted(one[1] for one in lacking) == sorted(named), ended.stderr
    assert f"yumen.toml: {len(named)} problems" in ended.stderr


def test_accounts_are_listed_with_what_they_are(house):
    person = house.person(unit="教育局")
    listed = house.gateway.account("list")
    line = next(line for line in listed.splitlines() if person.name in line.split())
    assert "教育局" in line and "member" in line


def test_a_changed_config_takes_effect_at_reload_and_a_bad_one_does_not(fresh_house):
    house, gateway = fresh_house, fresh_house.gateway
    person = house.person()
    cookies = house.cookies_of(person, "sites", "/seen/")

    def status():
        with house.client("sites", cookies) as client:
            return client.ask("GET", "/seen/").status

    good = gateway.config.read_text()
    gateway.config.write_text(good + "\nnonsense = ")
    assert run("reload", "--data", gateway.data).returncode != 0
    assert status() == 200
    gateway.config.write_text(good.replace('name = "editors"\nroles = ["member"]', 'name = "editors"\nunits = ["档案局"]'))
    ended = run("reload", "--data", gateway.data)
    assert ended.returncode == 0, ended.stderr
    assert status() == 403
    gateway.config.write_text(good)
    assert run("reload", "--data", gateway.data).returncode == 0
    assert status() == 200


def test_staffs_changes_are_on_record(house):
    person = house.person()
    house.gateway.account("disable", person.name)
    house.gateway.account("enable", person.name)
    actions = [entry["action"] for entry in house.gateway.audit() if entry["kind"] == "event" and person.name in str(entry)]
    for action in ("account-invited", "account-enrolled", "account-disabled", "account-enabled"):
        assert action in actions, actions
