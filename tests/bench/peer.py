"""A private Postfix for comparisons: tuned as its administrator would for much mail, durable as by default."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time

import accounting

MAIN = """compatibility_level = 3.6
queue_directory = {top}/spool
data_directory = {top}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = 127.0.0.1
mynetworks = 127.0.0.0/8
relayhost = [{sink_host}]:{sink_port}
maillog_file = {top}/maillog
maillog_file_prefixes = {top}
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
in_flow_delay = 0
default_process_limit = 200
default_destination_concurrency_limit = 20
initial_destination_concurrency = 20
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
biff = no
"""
IN_CLEAR = """smtp_tls_security_level = none
smtpd_tls_security_level = none
"""
# Sessions in: tickets, as by default. Sessions out: the cache that Debian's main.cf sets.
OVER_TLS = """smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {chain}
smtp_tls_security_level = encrypt
smtp_tls_session_cache_database = btree:{top}/data/smtp_scache
smtp_tls_connection_reuse = {keeps}
"""


class Postfix:
    """`certificate` (chain, key) turns TLS on; with `keeps_connections` it also sends several messages over one TLS connection."""

    def __init__(self, name, directory, sink, certificate=None, keeps_connections=False):
        self.top, self.group = pathlib.Path(directory), None
        self.name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.smtp = probe.getsockname()[1]
        host, port = sink.split(":")
        for part in ("conf", "spool", "data"):
            (self.top / part).mkdir(parents=True)
        shutil.chown(self.top / "data", "postfix")
        text = MAIN.format(top=self.top, sink_host=host, sink_port=port)
        if certificate:
            text += OVER_TLS.format(top=self.top, chain=certificate[0], key=certificate[1], keeps="yes" if keeps_connections else "no")
        (self.top / "conf/main.cf").write_text(text if certificate else text + IN_CLEAR)
        (self.top / "conf/master.cf").write_text(self.master())
        for source in ("/usr/share/postfix", "/etc/postfix"):
            for part in ("postfix-files", "dynamicmaps.cf", "post-install", "postfix-script"):
                if os.path.isfile(f"{source}/{part}"):
                    shutil.copy(f"{source}/{part}", self.top / "conf")

    def master(self):
        """The distribution's, without changes of root, on our port."""
        text = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text()
        text = re.sub(r"^(#?[a-z]\S*[ \t]+(?:inet|unix)[ \t]+[yn-][ \t]+[-yn][ \t]+)[-yn]", r"\1n", text, flags=re.M)
        text = text.replace("#tlsproxy", "tlsproxy")
        return re.sub(r"^smtp +inet", f"127.0.0.1:{self.smtp} inet", text, flags=re.M)

    def start(self):
        self.group = accounting.Group(self.name)
        # In a session of its own, with no descriptor of ours: its master goes on in the background.
        with open(self.top / "start.log", "wb") as log:
            subprocess.run([*self.group.prefix(), "postfix", "-c", self.top / "conf", "start"], stdin=subprocess.DEVNULL, stdout=log,
                           stderr=log, start_new_session=True, check=False)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.smtp), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        log = self.top / "maillog"
        sys.exit("Postfix did not start: " + (self.top / "start.log").read_text() + (log.read_text() if log.exists() else ""))

    def complaints(self):
        """What its log warns of."""
        log = self.top / "maillog"
        return [line for line in log.read_text(errors="replace").splitlines() if re.search(r"warning|fatal|error", line)] if log.exists() else []

    def stop(self):
        if self.group is None:
            return
        subprocess.run(["postfix", "-c", self.top / "conf", "stop"], capture_output=True, check=False)
        self.group.end()
