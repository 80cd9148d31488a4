"""USB-KEYs in software (SoftHSM2), their holders at a shell, and a window in which a PIN is typed."""

import datetime
import html
import json
import os
import re
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from .certs import DAY, _name, _usage
from .processes import Process, until

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
POLICIES = Path("/etc/chromium/policies/managed")


class Drawer:
    """Where the tokens lie: one folder, one configuration, any number of tokens."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "tokens").mkdir(parents=True)
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.environment = {"SOFTHSM2_CONF": str(conf), "PKCS11_MODULE_PATH": MODULE}

    def run(self, *words):
        argv = [str(word) for word in words]
        return subprocess.run(argv, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60)

    def done(self, *words):
        ended = self.run(*words)
        assert ended.returncode == 0, f"{ended.args}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


class UsbKey:
    """A token whose key was made in it and never leaves it."""

    def __init__(self, drawer, serial, kind="EC:prime256v1", pin="284751"):
        self.drawer, self.serial, self.pin, self.folder = drawer, serial, pin, drawer.folder
        drawer.done("softhsm2-util", "--init-token", "--free", "--label", serial, "--so-pin", "87654321", "--pin", pin)
        self.tool("--keypairgen", "--key-type", kind, "--id", "01", "--label", "key")
        self.certificate = None

    def tool(self, *words):
        return self.drawer.done("pkcs11-tool", "--module", MODULE, "--token-label", self.serial, "--login", "--pin", self.pin, *words)

    def uri(self, pin=None):
        return f"pkcs11:token={self.serial};id=%01;type=private;pin-value={pin or self.pin}"

    def request(self, subject="/CN=whoever"):
        """A request that is signed in the token."""
        file = self.folder / f"{self.serial}.csr"
        words = ("-engine", "pkcs11", "-keyform", "engine", "-key", self.uri(), "-subj", subject, "-out", file)
        self.drawer.done("openssl", "req", "-new", *words)
        return file

    def hold(self, certificate):
        """Puts a certificate (a file in PEM) into the token, in the place of the one before."""
        if self.certificate is not None:
            self.tool("--delete-object", "--type", "cert", "--id", "01")
        self.certificate = certificate
        der = self.folder / f"{self.serial}.der"
        self.drawer.done("openssl", "x509", "-in", certificate, "-outform", "DER", "-out", der)
        self.tool("--write-object", der, "--type", "cert", "--id", "01", "--label", self.serial)


class City:
    """Somebody else's authority, with its list of revoked certificates."""

    def __init__(self, folder, name="Some city's CA"):
        folder.mkdir(parents=True)
        self.folder, self._key, self._subject = folder, ec.generate_private_key(ec.SECP256R1()), _name(name)
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = self._begun(self._subject, self._key.public_key(), now - DAY, now + 30 * DAY)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = certificate.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        self.certificate, self.list = folder / "city.pem", folder / "city.crl"
        self.certificate.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        self.revoke()

    def _begun(self, subject, key, begins, ends):
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(key)
        return built.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)

    def certify(self, usb_key, name, begins=-1, ends=30, usage=None):
        """A certificate for the key in a token, from `begins` to `ends` days from now; the file."""
        request = x509.load_pem_x509_csr(usb_key.request().read_bytes())
        now = datetime.datetime.now(datetime.timezone.utc)
        built = self._begun(_name(name), request.public_key(), now + begins * DAY, now + ends * DAY)
        built = built.add_extension(usage or _usage(digital_signature=True), critical=True)
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        certificate = built.sign(self._key, hashes.SHA256())
        file = self.folder / f"{certificate.serial_number}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def revoke(self, *files):
        """Publishes a new list, in one step."""
        now = datetime.datetime.now(datetime.timezone.utc)
        built = x509.CertificateRevocationListBuilder().issuer_name(self._subject).last_update(now - DAY).next_update(now + 7 * DAY)
        built = built.add_extension(x509.CRLNumber(x509.random_serial_number() >> 8), critical=False)
        for file in files:
            number = x509.load_pem_x509_certificate(file.read_bytes()).serial_number
            built = built.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build())
        new = self.folder / "new.crl"
        new.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
        new.replace(self.list)


class Shell:
    """Somebody at a shell who signs in by curl: one jar of cookies, and a USB-KEY through the PKCS#11 engine."""

    def __init__(self, house, drawer, name):
        self.house, self.drawer = house, drawer
        self.jar = drawer.folder / f"{name}.cookies"
        self.portal, self.key_host = house.url("portal", ""), house.url("key", "")

    def curl(self, url, *words):
        """Status, where it leads, and the page."""
        told = "\n%{http_code} %{redirect_url}"
        ended = self.drawer.run("curl", "-sS", "-H", "Accept: text/html", "--max-time", "20", "--cacert", self.house.authority.path, "-w", told, *words, url)
        if ended.returncode:
            return None, None, ended.stderr
        page, _, last = ended.stdout.rpartition("\n")
        status, _, leads = last.partition(" ")
        return int(status), leads, page

    def at_portal(self, path, fields=None):
        words = ["-b", self.jar, "-c", self.jar]
        if fields is not None:
            words += ["-H", f"Origin: {self.portal}", "-H", "Sec-Fetch-Site: same-origin"]
            for name, value in fields.items():
                words += ["--data-urlencode", f"{name}={value}"]
        return self.curl(path if path.startswith("http") else self.portal + path, *words)

    def submit(self, page, form, **fields):
        """Sends a form of a page of the portal."""
        found = re.search(rf'<form id="{form}" method="post" action="([^"]+)"[^>]*>(.*?)</form>', page, re.S)
        assert found, f"no form {form}\n{page}"
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[2]))
        return self.at_portal(html.unescape(found[1]), {**hidden, **fields})

    def ask(self):
        """Asks the portal for a sign-in by USB-KEY; the address on the other host."""
        _, _, page = self.at_portal("/sign-in")
        status, _, page = self.submit(page, "usb-key")
        assert status == 200, page
        return self._way(page)

    def _way(self, page):
        return html.unescape(re.search(r'id="show-usb-key"[^>]* href="([^"]+)"', page)[1])

    def open_invitation(self, link):
        address, _, token = link.partition("#")
        _, _, page = self.at_portal(address)
        return self.submit(page, "enrol-open", token=token)

    def open_letter(self, code, serial):
        _, _, page = self.at_portal("/enrol/letter")
        return self.submit(page, "enrol-letter", code=code, serial=serial)

    def choose_password(self, person):
        """The page that asks for tokens."""
        _, _, page = self.at_portal("/enrol/password")
        status, leads, page = self.submit(page, "enrol-password", password=person.password, again=person.password)
        assert status == 303, page
        return self.at_portal(leads)[2]

    def enrol_with(self, usb_key, **shown):
        """Shows a USB-KEY in an enrolment; what the other host answers."""
        _, _, page = self.at_portal("/enrol/usb-key")
        return self.show(self._way(page), usb_key, **shown)

    def enrolled_with(self, usb_key):
        """The same, and the page that asks for tokens, to which it leads."""
        status, leads, page = self.enrol_with(usb_key)
        assert status == 303 and leads.startswith(self.portal), f"{status}\n{page}"
        status, leads, page = self.at_portal(leads)
        assert status == 303, page
        return self.at_portal(leads)[2]

    def show(self, link, usb_key=None, pin=None, certificate=None, *words):
        """Shows a USB-KEY at the other host."""
        if usb_key is not None:
            words = (*words, "--engine", "pkcs11", "--key-type", "ENG", "--key", usb_key.uri(pin), "--cert", certificate or usb_key.certificate)
        return self.curl(link, *words)

    def sign_in(self, usb_key, password=None):
        """All of it; what the portal says in the end. The first use of one that was issued takes the password too."""
        status, leads, page = self.show(self.ask(), usb_key)
        assert status in (302, 303), f"{status}\n{page}"
        assert leads.startswith(self.portal), leads
        status, leads, page = self.at_portal(leads)
        if password is not None:
            assert leads and "/sign-in/usb-key/password" in leads, f"{status} {leads}\n{page}"
            _, _, page = self.at_portal(leads)
            status, leads, page = self.submit(page, "usb-key-password", password=password)
        return status, leads, page

    def is_in(self):
        status, _, page = self.at_portal("/")
        return status == 200 and 'id="sign-out"' in page


class Screen:
    """A display that nobody looks at, with a window manager, so that windows can be typed into."""

    def __init__(self):
        self._x = Process(["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"])
        self.environment = {"DISPLAY": f":{self._x.line(30).strip()}"}
        self._manager = Process(["openbox", "--sm-disable"], self.environment)

    def close(self):
        self._manager.kill()
        self._x.kill()

    def _do(self, *words):
        argv = ["xdotool", *map(str, words)]
        return subprocess.run(argv, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=30)

    def windows(self, name):
        return self._do("search", "--onlyvisible", "--name", name).stdout.split()

    def wait_for(self, name, seconds=30):
        return until(lambda: self.windows(name), seconds, f"a window called {name}")[0]

    def type_into(self, name, text, key="Return"):
        """Types into the window of that name, which closes by that."""
        window = self.wait_for(name)
        self._do("windowactivate", "--sync", window)
        if text:
            self._do("type", "--clearmodifiers", "--delay", "30", text)
        self._do("key", "--clearmodifiers", key)
        until(lambda: window not in self.windows(name), 20, f"{name} closes")


    def dismiss(self, name, quiet=3):
        """Cancels every window of that name, until none comes for `quiet` seconds; a browser may ask more than once."""
        self.wait_for(name)
        last = time.monotonic()
        while time.monotonic() - last < quiet:
            for window in self.windows(name):
                self._do("windowactivate", window)
                self._do("key", "--clearmodifiers", "Escape")
                last = time.monotonic()
            time.sleep(0.2)


def plug_into(browser_home, ca, drawer):
    """Adds the tokens to the database of a browser that was not started yet."""
    from .browser import trust

    browser_home.mkdir(parents=True)
    trust(browser_home, ca)
    database = f"sql:{browser_home / '.pki' / 'nssdb'}"
    drawer.done("modutil", "-dbdir", database, "-add", "usb-keys", "-libfile", MODULE, "-force")


class Policy:
    """Has Chromium choose the certificate for an origin by itself, as an administrator would set it up."""

    def __init__(self, origin):
        self.file = POLICIES / f"yumen-test-{os.getpid()}.json"
        rule = json.dumps({"pattern": origin, "filter": {}})
        POLICIES.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"AutoSelectCertificateForUrls": [rule]}))

    def close(self):
        self.file.unlink()
