"""Every test runs twice: under `*.localhost`, and with portal and apps under one domain."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from house.certs import Authority  # noqa: E402
from house.house import House  # noqa: E402
from house.layout import CITY, LOCALHOST  # noqa: E402


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session", params=[LOCALHOST, CITY], ids=lambda layout: layout.name)
def layout(request):
    return request.param


@pytest.fixture(scope="session")
def house(layout, authority, tmp_path_factory):
    """The house that tests share: what they make there is their own (a new person, a new article)."""
    house = House(tmp_path_factory.mktemp(layout.name), layout, authority)
    yield house
    house.close()


@pytest.fixture
def fresh_house(layout, authority, tmp_path):
    """A house of its own, for tests that use up what others share: limits, the process itself."""
    house = House(tmp_path / "house", layout, authority)
    yield house
    house.close()


@pytest.fixture
def hands(house):
    """The desk's browser, as it is when nobody was there before."""
    hands = house.hands()
    hands.browser.forget()
    hands.browser.open("about:blank")
    return hands


@pytest.fixture(scope="session")
def member(house):
    """Somebody whom no test changes."""
    return house.person()


@pytest.fixture(scope="session")
def warden(house):
    """The security administrator, who has a desk of her own."""
    return house.warden()


@pytest.fixture(scope="session")
def shots():
    folder = Path(os.environ.get("YUMEN_SHOTS", Path(__file__).parent / "shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that failed leaves a picture of each browser, and the gateway's last words."""
    report = (yield).get_result()
    house = getattr(item, "funcargs", {}).get("house") or getattr(item, "funcargs", {}).get("fresh_house")
    if report.when != "call" or not report.failed or house is None:
        return
    folder = Path(os.environ.get("YUMEN_SHOTS", Path(__file__).parent / "shots")) / "failed"
    for place, browser in house._browsers.items():
        try:
            browser.shoot(folder / f"{item.name}-{place}.png")
            report.sections.append((f"{place}'s browser", browser.story()))
        except Exception as error:  # noqa: BLE001: a report must not hide what it reports
            report.sections.append((f"{place}'s browser", repr(error)))
    report.sections.append(("gateway", house.gateway.process.story()))
