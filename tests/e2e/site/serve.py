"""Makes the site's database and serves it on a free port of 127.0.0.1, which the first line of output names."""

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from waitress import serve  # noqa: E402


class Static(StaticFilesHandler):
    """The admin's own style sheets, without a second server for them."""

    def serve(self, request):
        from django.contrib.staticfiles.views import serve as one

        return one(request, self.file_path(request.path), insecure=True)


def main():
    call_command("migrate", verbosity=0, interactive=False)
    users = get_user_model().objects
    if not users.filter(username="editor").exists():
        users.create_superuser("editor", "editor@city.test", os.environ["SITE_PASSWORD"])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    serve(
        Static(get_wsgi_application()),
        sockets=[listener],
        threads=8,
        # Waitress would drop the X-Forwarded fields; the only one who can reach this port is the gateway.
        clear_untrusted_proxy_headers=False,
    )


if __name__ == "__main__":
    main()
