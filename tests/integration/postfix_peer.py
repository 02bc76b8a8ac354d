"""A real Postfix as a remote mail server: takes mail for dest.test with STARTTLS, files it in a mailbox."""
import pathlib
import shutil

from harness import Process, run, wait_until


class Postfix:
    def __init__(self, directory, address, domain, namespace=None, relayhost=None, settings=()):
        self.directory = pathlib.Path(directory)
        self.configuration = self.directory / "conf"
        self.log = self.directory / "maillog"
        self.namespace = namespace
        for part in ("conf", "spool", "data", "mail"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directory / "data", "postfix")
        shutil.chown(self.directory / "mail", "nobody")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN=mx.{domain}", "-addext", f"subjectAltName=DNS:mx.{domain}", "-keyout",
             str(self.directory / "key.pem"), "-out", str(self.directory / "cert.pem")])
        for name in ("postfix-files", "dynamicmaps.cf", "post-install", "postfix-script"):
            source = pathlib.Path("/etc/postfix") / name
            if source.exists():
                shutil.copy(source, self.configuration / name)
        nobody = run(["id", "-u", "nobody"]).stdout.strip()
        (self.configuration / "main.cf").write_text("\n".join([
            "compatibility_level = 3.6", f"queue_directory = {self.directory}/spool", f"data_directory = {self.directory}/data",
            "command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin", "mail_owner = postfix",
            "setgid_group = postdrop", f"myhostname = mx.{domain}", "mydestination =", f"virtual_mailbox_domains = {domain}",
            f"virtual_mailbox_base = {self.directory}/mail", f"virtual_mailbox_maps = static:all",
            f"virtual_uid_maps = static:{nobody}", f"virtual_gid_maps = static:{nobody}", "virtual_minimum_uid = 1",
            "local_recipient_maps =", "alias_maps =", f"inet_interfaces = {address}", "inet_protocols = all",
            f"maillog_file = {self.log}", f"maillog_file_prefixes = {self.directory}, /var, /tmp", "smtpd_peername_lookup = no",
            "smtpd_recipient_restrictions = reject_unauth_destination", "smtpd_tls_security_level = may",
            f"smtpd_tls_cert_file = {self.directory}/cert.pem", f"smtpd_tls_key_file = {self.directory}/key.pem",
            "smtpd_tls_received_header = yes", "smtpd_tls_loglevel = 1", "smtpd_client_connection_rate_limit = 0",
            "smtputf8_enable = yes", *settings]) + "\n")
        master = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = []
        for line in master.split("\n"):
            fields = line.split()
            if line and not line.startswith(("#", " ")) and len(fields) > 7:
                fields[4] = "n"                       # no chroot
                if fields[0] == "smtp" and fields[1] == "inet":
                    fields[0] = "25"
                line = " ".join(fields)
            lines.append(line)
        (self.configuration / "master.cf").write_text("\n".join(lines))
        self.process = Process(["postfix", "-c", self.configuration, "start-fg"], self.directory / "postfix.log", namespace)
        wait_until(lambda: "daemon started" in self.text() or not self.process.is_running(), "Postfix to start")
        if not self.process.is_running():
            raise AssertionError("Postfix did not start: " + self.process.text() + self.text())

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def mailbox(self):
        box = self.directory / "mail" / "all"
        return box.read_text(errors="replace") if box.exists() else ""

    def stop(self):
        prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        run([*prefix, "postfix", "-c", str(self.configuration), "stop"], check=False)
        self.process.stop()
