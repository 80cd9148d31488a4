"""A whole house: the gateway, what stands behind it, two browsers in front of it."""

from .behind import Echo, Site
from .browser import Browser
from .gateway import Gateway
from .people import Hands, Person
from .processes import free_port


class House:
    def __init__(self, folder, layout, authority, language="en", more=""):
        self.folder, self.layout, self.authority, self.language = folder, layout, authority, language
        self._open, self._browsers, self._warden = [], {}, None
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.echo = self._keep(Echo(), Echo.stop)
            # The site must know its public address before the gateway has one: a port is chosen first.
            port = free_port()
            self.site = self._keep(Site(folder / "site", f"https://{layout.sites}:{port}"), Site.stop)
            self.gateway = Gateway(folder, layout, authority, self.site, self.echo, port, more)
            self.gateway.allow_terminal = self._allow_terminal
            self._keep(self.gateway.start(), Gateway.stop)
        except BaseException:
            self.close()
            raise

    def _keep(self, thing, end):
        self._open.append((thing, end))
        return thing

    def close(self):
        errors = []
        while self._open:
            thing, end = self._open.pop()
            try:
                end(thing)
            except Exception as error:  # noqa: BLE001: the others must be closed, too
                errors.append(error)
        if errors:
            raise errors[0]

    def hands(self, place="desk"):
        """Hands at the browser of a place, which is opened when it is first asked for."""
        if place not in self._browsers:
            browser = Browser(self.folder / place, self.authority.path, self.language, self.layout.resolve)
            self._browsers[place] = self._keep(browser, Browser.close)
        return Hands(self._browsers[place], self.gateway.portal)

    def url(self, app, path="/"):
        return self.gateway.url(getattr(self.layout, app), path)

    def client(self, app, cookies=None):
        return self.gateway.client(getattr(self.layout, app), cookies)

    def person(self, role="member", unit="宣传部", keeps_accounts=False, place="desk", name=None):
        """Somebody new, invited at the machine and enrolled."""
        person = Person(name, role=role, unit=unit)
        link = self.gateway.invite(person.name, unit, role)
        self.hands(place).enrol(person, link, keeps_accounts)
        if role == "security-administrator" and self._warden is None:
            self._warden = person
        return person

    def warden(self):
        """The one security administrator, invited while there is none, who has a desk of her own."""
        return self._warden or self.person(role="security-administrator", unit="信息中心", place="office", name="王敏")

    def _allow_terminal(self, link):
        """In a browser of her own, so that what she does at her desk goes on."""
        warden, hands = self.warden(), self.hands("machine room")
        hands.sign_in(warden, link)
        hands.allow_terminal(warden)

    def cookies_of(self, person, app, path="/", place="desk"):
        """Signs `person` in at an app; the cookies that her browser then has for it."""
        hands = self.hands(place)
        hands.sign_in(person, self.url(app, path))
        return hands.browser.cookies()

    def origin(self, app):
        return self.url(app, "")
