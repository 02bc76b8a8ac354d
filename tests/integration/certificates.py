"""Self-signed certificates for the tests, and what a server presents."""
import pathlib
import re

from harness import run


class Pair:
    """A certificate for a name, or for `subjects` as openssl writes them, with its key, as files. Another one each time."""

    def __init__(self, directory, file, name, subjects=None):
        self.chain, self.key = pathlib.Path(directory) / f"{file}.crt", pathlib.Path(directory) / f"{file}.key"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
             f"/CN={name}", "-addext", f"subjectAltName={subjects or 'DNS:' + name}", "-keyout", str(self.key), "-out", str(self.chain)])
        self.serial = run(["openssl", "x509", "-in", str(self.chain), "-noout", "-serial"]).stdout.strip()

    def copy_to(self, chain, key):
        chain.write_bytes(self.chain.read_bytes())
        key.write_bytes(self.key.read_bytes())


def presented(endpoint, name=None, starttls=True):
    """The serial of the certificate that a client sees which asks for `name`, as Pair.serial; None without one."""
    arguments = ["-starttls", "smtp"] if starttls else []
    arguments += ["-servername", name] if name else ["-noservername"]
    command = ["timeout", "20", "openssl", "s_client", "-connect", endpoint, *arguments]
    text = run(" ".join(command) + " </dev/null 2>/dev/null", check=False).stdout
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)
    if not found:
        return None
    return run(f"openssl x509 -noout -serial <<'END'\n{found[0]}END").stdout.strip()
