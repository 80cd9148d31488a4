"""Under which names the gateway stands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """`resolve`: what the browser must be told, where the names resolve nowhere."""

    name: str
    portal: str
    sites: str
    echo: str
    closed: str
    resolve: str | None = None

    @property
    def key(self):
        """Where USB-KEYs are shown, in houses that have them."""
        return self.portal.replace("gate.", "key.", 1)

    @property
    def hosts(self):
        return (self.portal, self.sites, self.echo, self.closed, self.key)


# Every host is a site of its own, as in the demo.
LOCALHOST = Layout("localhost", "gate.localhost", "sites.localhost", "echo.localhost", "closed.localhost")

# Portal and apps under one domain, as in production: the browser takes them for one site.
CITY = Layout(
    "city",
    "gate.city.test",
    "sites.city.test",
    "echo.city.test",
    "closed.city.test",
    resolve="MAP *.city.test 127.0.0.1",
)
