"""What stands behind the gateway: a real Django site and a WebSocket echo, each a process of its own."""

import secrets
import sys
from pathlib import Path

from .processes import Process

HERE = Path(__file__).parent


class Site:
    """A Django site with the admin and one superuser, `editor`."""

    user = "editor"

    def __init__(self, folder, public):
        folder.mkdir(parents=True)
        self.password = secrets.token_urlsafe(12)
        environment = {
            "SITE_DATA": str(folder),
            "SITE_PUBLIC": public,
            "SITE_SECRET": secrets.token_urlsafe(32),
            "SITE_PASSWORD": self.password,
        }
        self.process = Process([sys.executable, HERE.parent / "site" / "serve.py"], environment)
        self.port = int(self.process.line(60))

    def stop(self):
        self.process.kill()


class Echo:
    def __init__(self):
        self.process = Process([sys.executable, HERE / "echo.py"])
        self.port = int(self.process.line(30))

    def stop(self):
        self.process.kill()
