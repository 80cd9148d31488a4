"""A Chromium of one person: her own profile, her own certificate database, her own security key."""

import os
import shutil
import subprocess
from contextlib import contextmanager

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = [
    "--headless=new",
    "--window-size=1280,900",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--password-store=basic",
]


def trust(home, ca):
    """Puts `ca` into the certificate database that a browser with this home reads."""
    database = home / ".pki" / "nssdb"
    if database.exists():
        return
    database.mkdir(mode=0o700, parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "yumen", "-i", str(ca)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *words], check=True, timeout=60, capture_output=True)


class Browser:
    def __init__(self, folder, ca, language="en", resolve=None, window=None):
        """`window`: the environment of a display on which it has a real window, and of what else it needs there."""
        home, profile = folder / "home", folder / "profile"
        home.mkdir(parents=True, exist_ok=True)
        trust(home, ca)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "/usr/bin/chromium"
        flags = [flag for flag in FLAGS if window is None or not flag.startswith("--headless")]
        for flag in [*flags, f"--user-data-dir={profile}", f"--lang={language}", f"--accept-lang={language}"]:
            options.add_argument(flag)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        if resolve:
            options.add_argument(f"--host-resolver-rules={resolve}")
        options.add_experimental_option("prefs", {"intl.accept_languages": language, "credentials_enable_service": False})
        os.environ["SE_OFFLINE"] = "true"
        environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "LANGUAGE": language, **(window or {})}
        environment.pop("XDG_DATA_HOME", None)
        service = Service("/usr/bin/chromedriver", env=environment, log_output=str(folder / "chromedriver.log"))
        self._keys = {}
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(30)
        self.driver.set_script_timeout(30)

    def close(self):
        self.driver.quit()

    # Security keys (the WebAuthn domain of the DevTools protocol: one key a tab).

    def _key(self, verb, **words):
        return self.driver.execute_cdp_cmd(f"WebAuthn.{verb}", words)

    def plug_in(self, verifies=True):
        """A security key for the tab at hand. `verifies`: whether the person touches it and enters the right PIN."""
        self._key("enable", enableUI=False)
        options = {
            "protocol": "ctap2",
            "transport": "usb",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "automaticPresenceSimulation": True,
            "isUserVerified": verifies,
        }
        self._keys[self.tab] = self._key("addVirtualAuthenticator", options=options)["authenticatorId"]

    def unplug(self):
        self._key("removeVirtualAuthenticator", authenticatorId=self._keys.pop(self.tab))

    def verifies(self, yes):
        """Whether from now on the person enters the right PIN."""
        self._key("setUserVerified", authenticatorId=self._keys[self.tab], isUserVerified=yes)

    def touches(self, yes):
        """Whether from now on the person touches the key when it blinks."""
        self._key("setAutomaticPresenceSimulation", authenticatorId=self._keys[self.tab], enabled=yes)

    def credentials(self):
        return self._key("getCredentials", authenticatorId=self._keys[self.tab])["credentials"]

    def carry_key_to_this_tab(self, credentials):
        """A key belongs to a tab here; a person's key does not."""
        self.plug_in()
        for credential in credentials:
            self._key("addCredential", authenticatorId=self._keys[self.tab], credential=credential)

    @contextmanager
    def scripted(self, source):
        """Runs `source` before the scripts of every page: what a browser other than this one would do."""
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    # Looking and doing.

    def open(self, url):
        self.driver.get(url)
        return self

    @property
    def url(self):
        return self.driver.current_url

    def until(self, condition, seconds=20, what=""):
        def met(_):
            try:
                return condition()
            except StaleElementReferenceException:
                return None
            except WebDriverException as error:
                # The driver's own words for the same: the page gave way to the next one.
                if "does not belong to the document" in str(error.msg):
                    return None
                raise

        try:
            return WebDriverWait(self.driver, seconds, 0.05).until(met)
        except TimeoutException:
            raise AssertionError(f"not within {seconds} s: {what}\n{self.story()}") from None

    def has(self, css):
        return bool(self.driver.find_elements(By.CSS_SELECTOR, css))

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def see(self, css, seconds=20):
        return self.until(lambda: next((one for one in self.all(css) if one.is_displayed()), None), seconds, f"see {css}")

    def see_one_of(self, *selectors, seconds=20):
        """The first of `selectors` that shows."""

        def shown():
            return next((css for css in selectors if any(one.is_displayed() for one in self.all(css))), None)

        return self.until(shown, seconds, f"see one of {selectors}")

    def on(self, css, act, seconds=20):
        """What `act` gives for the first of `css` that shows; begun again where the page changed meanwhile."""

        def acted():
            shown = next((one for one in self.all(css) if one.is_displayed()), None)
            return shown and (act(shown),)

        return self.until(acted, seconds, f"see {css}")[0]

    def text(self, css, seconds=20):
        return self.on(css, lambda one: one.text, seconds)

    def fill(self, css, text):
        self.on(css, lambda field: (field.clear(), field.send_keys(text)))

    def choose(self, css, value):
        from selenium.webdriver.support.select import Select

        field = self.see(css)
        if field.tag_name == "select":
            Select(field).select_by_value(value)
        else:
            self.see(f"{css}[value='{value}']").click()

    def click(self, css):
        self.on(css, lambda one: one.click())

    def submit(self, form):
        """Presses the button of a form."""
        self.on(f"{form} button:not([type=button]), {form} input[type=submit]", lambda button: button.click())

    def at(self, prefix, seconds=20):
        return self.until(lambda: self.url.startswith(prefix) and self.url, seconds, f"be at {prefix}")

    def js(self, source, *words):
        """The answer of a script that calls `done(…)`."""
        return self.driver.execute_async_script(f"const done = arguments[arguments.length - 1];\n{source}", *words)

    def cookies(self):
        return {cookie["name"]: cookie["value"] for cookie in self.driver.get_cookies()}

    def forget(self):
        """Drops every cookie of every host, as a new browser would have none."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    # Tabs.

    def new_tab(self):
        self.driver.switch_to.new_window("tab")
        return self.driver.current_window_handle

    @property
    def tab(self):
        return self.driver.current_window_handle

    def to_tab(self, handle):
        self.driver.switch_to.window(handle)

    def close_tab(self, back_to):
        self.driver.close()
        self.driver.switch_to.window(back_to)

    # Files.

    def downloads(self, folder, click):
        """Clicks on what gives a file; the file in `folder`, once it is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
        self.click(click)

        def whole():
            files = list(folder.iterdir())
            return len(files) == 1 and files[0].suffix != ".crdownload" and files[0]

        return self.until(whole, what="the file is downloaded")

    # Reports.

    def shoot(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))

    def story(self):
        body = self.driver.execute_script("return document.body ? document.body.innerText : ''")
        return f"at {self.url}\n{body[:800]}"
