#!/usr/bin/env python3
"""A long queue of many tenants: what it takes in memory, how soon it is there after a start, and what lists and orders of it cost.

million.py [--count 1000000] [--tenants 10000] [--data DIR] [--keep | --reuse DIR] [--json FILE]

Each tenant has a source address, a domain and an account of its own, and sends count / tenants messages to that address, for ten
domains at three sites that nobody listens at; one tenant in a thousand has ten times as much. Then: resident memory, top, count, a page and
the whole of the list, hold, release; the same after an orderly end and after kill -9, with the time from the start of the process to "ready"
and to the whole queue being counted. Runs in a network namespace of its own, as root. --keep leaves the directory for --reuse, which starts
with what it finds. Exits with 1 when counts disagree.
"""
import argparse
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import stage
from stage import show

DOMAINS, SITES = 10, 3
TEMPLATE = {}  # the first tenant's rows


class Api(http.client.HTTPConnection):
    """The API on the node's Unix socket, one connection."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        self.request(method, "/api/v1" + path, json.dumps(body) if body else None,
                     {"Content-Type": "application/json"} if body else {})
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None


def address_of(n):
    return f"10.1.{n // 250}.{n % 250 + 1}"


def client_of(n):
    return f"10.2.{n // 250}.{n % 250 + 1}"


def make_network(tenants):
    lines = [f"address add {address_of(n)}/32 dev lo" for n in range(tenants)]
    lines += ["link set lo up", "route add local 10.2.0.0/16 dev lo"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def set_up(node, options):
    """The first tenant by the API, the others as copies of its rows in the database: 50,000 calls would take an hour."""
    for n in range(SITES):
        node.cli("route", "add", f"site{n}.example", "--host", f"127.0.0.{3 + n}", "--port", "9")
    for n in range(DOMAINS):
        node.cli("route", "add", f"dest{n}.example", "--host", f"127.0.0.{3 + n % SITES}", "--port", "9")
    node.add_tenant("t0", "t0.example", [(address_of(0), "mx.t0.example")])
    node.cli("account", "add", "s@t0.example")
    node.cli("account", "set", "s@t0.example", "--client-networks", client_of(0) + "/32")
    node.stop()
    with sqlite3.connect(node.data / "directory.sqlite") as database:
        for n in range(1, options.tenants):
            copy_tenant(database, n)
    database.close()
    node.start(60)
    show(f"resident with {options.tenants} tenants", f"{stage.resident_mib(node.process.pid):.0f} MiB")


def copy_tenant(database, n):
    """Every row of the first tenant once more, with new ids and names."""
    ids = {}

    def changed(value):
        if isinstance(value, bytes):
            return ids.setdefault(value, os.urandom(16))
        if isinstance(value, str):
            value = re.sub(r"\bt0\b", f"t{n}", value)
            return value.replace(address_of(0), address_of(n)).replace(client_of(0), client_of(n))
        return value

    for table in ("tenants", "tenant_names", "domains", "domain_names", "accounts", "account_networks", "mail_addresses",
                  "source_addresses"):
        order = "" if table != "tenants" else " ORDER BY created_at"
        if table not in TEMPLATE:
            TEMPLATE[table] = database.execute(f"SELECT * FROM {table}{order}").fetchall()
        for row in TEMPLATE[table]:
            database.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", [changed(v) for v in row])


def send(node, n, count, left):
    """One connection of tenant n: `count` messages, pipelined."""
    lines = []
    for i in range(count):
        body = f"From: <s@t{n}.example>\r\nSubject: offer {i}\r\n\r\n{'x' * 70}\r\n".ljust(500, "y") + "\r\n"
        lines.append(f"MAIL FROM:<s@t{n}.example>\r\nRCPT TO:<r{left - i}@dest{i % DOMAINS}.example>\r\n"
                     f"BDAT {len(body)} LAST\r\n{body}")
    with socket.create_connection((address_of(n), node.smtp), 60, (client_of(n), 0)) as connection:
        stream = connection.makefile("rb")
        stage.greet(connection, stream)
        connection.sendall("".join(lines).encode() + b"QUIT\r\n")
        bad = [line for line in stream if line[:1] in b"45"]
    if bad:
        raise RuntimeError(f"{len(bad)} refusals, the first: {bad[0].decode()}")


def fill(node, options):
    weights = [10 if n % 1000 == 0 else 1 for n in range(options.tenants)]
    share = options.count / sum(weights)
    todo, given, wanted = [], 0, 0.0
    for n, weight in enumerate(weights):
        wanted += weight * share
        count = round(wanted) - given
        given += count
        while count > 0:
            todo.append((n, min(count, 100)))
            count -= 100
    start = time.monotonic()
    workers = 40
    children = []
    for worker in range(workers):
        child = os.fork()
        if child == 0:
            try:
                for n, count in todo[worker::workers]:
                    send(node, n, count, 1000000)
            except BaseException as error:
                print("injector:", error, flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        raise RuntimeError("an injector failed")
    show(f"{given} messages accepted", f"{given / (time.monotonic() - start):.0f}/s")
    return given


def memory(pid):
    """MiB: resident, at its peak, and where it lies."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    value = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.M).group(1)) / 1024
    return {"resident": value("VmRSS"), "peak": value("VmHWM"), "anonymous": value("RssAnon"), "file": value("RssFile")}


def show_memory(what, pid, result):
    found = memory(pid)
    show(what, "  ".join(f"{k} {v:.0f} MiB" for k, v in found.items()))
    result[what] = {k: round(v) for k, v in found.items()}


def timed(result, node, *arguments):
    start = time.monotonic()
    answer = node.json(*arguments)
    seconds = time.monotonic() - start
    show("bulkhead " + " ".join(arguments), f"{seconds * 1000:.0f} ms")
    result[" ".join(arguments)] = round(seconds * 1000, 1)
    return answer


def whole_list(result, node):
    """The command's and the server's memory while everything is listed."""
    before = memory(node.process.pid)["resident"]
    start = time.monotonic()
    child = subprocess.Popen([stage.harness.PROGRAM, "queue", "list", "--json", "--socket", str(node.socket)], stdout=subprocess.PIPE)
    size, peak, mark, rest = 0, 0.0, b'"queued_at"', b""
    while piece := child.stdout.read(1 << 20):
        piece = rest + piece
        size += piece.count(mark)
        rest = piece[-(len(mark) - 1):]  # a mark may lie across two pieces
        peak = max(peak, memory(node.process.pid)["resident"])
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    show("the whole list as JSON", f"{size} deliveries in {seconds:.1f} s, the command's peak {usage.ru_maxrss / 1024:.0f} MiB, "
         f"the server's {before:.0f} → {peak:.0f} MiB")
    result["whole list"] = {"deliveries": size, "seconds": round(seconds, 1), "command_mib": usage.ru_maxrss // 1024,
                            "status": status}
    return size


def questions(result, node, count, faults, full):
    for by in ("account", "tenant", "sender", "site", "client-ip"):
        timed(result, node, "queue", "top", "--by", by)
    timed(result, node, "queue", "top", "--by", "account", "--state", "ready")
    timed(result, node, "queue", "count")
    timed(result, node, "queue", "count", "--account", "s@t1000.example")
    timed(result, node, "queue", "count", "--recipient-domain", "dest3.example")
    timed(result, node, "queue", "count", "--tenant", "t5", "--recipient-domain", "dest3.example")
    timed(result, node, "queue", "list", "--limit", "100")
    timed(result, node, "queue", "list", "--limit", "100", "--account", "s@t5.example")
    timed(result, node, "queue", "list", "--limit", "100", "--state", "held")
    if full and whole_list(result, node) != count:
        faults.append("the whole list is not the whole queue")


def orders(result, node, faults):
    one = timed(result, node, "queue", "count", "--account", "s@t1000.example")["deliveries"]
    held = timed(result, node, "queue", "hold", "--account", "s@t1000.example", "--and-future")
    if held["matched"] != one:
        faults.append(f"hold matched {held['matched']}, counted {one}")
    time.sleep(1)
    after = timed(result, node, "queue", "count", "--account", "s@t1000.example")
    if after["held"] != one:
        faults.append(f"held {after}")
    timed(result, node, "queue", "release", "--account", "s@t1000.example")


def wait_for_all(api, count, limit=300):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = api.call("GET", "/queue/count")
        if found["deliveries"] >= count:
            return found
        time.sleep(0.02)
    return found


def restart(node, how, count, result, faults):
    node.stop() if how == "after an orderly end" else node.kill()
    start = time.monotonic()
    node.start(120)
    ready = time.monotonic() - start
    found = wait_for_all(Api(node.socket), count)
    loaded = time.monotonic() - start
    show(f"start {how}", f"ready {ready:.2f} s, everything counted {loaded:.2f} s")
    result[f"start {how}"] = {"ready": round(ready, 2), "loaded": round(loaded, 2)}
    if found["deliveries"] != count or found["messages"] != count:
        faults.append(f"{how}: {found}, wanted {count}")
    time.sleep(3)
    show_memory(f"memory {how}", node.process.pid, result)


def play(node, options, directory):
    result, faults = {"count": options.count, "tenants": options.tenants}, []
    if not options.reuse:
        node.start(30)
        set_up(node, options)
        fill(node, options)
        time.sleep(5)
        show_memory("memory when filled", node.process.pid, result)
    else:
        node.start(300)
    count = options.count
    wait_for_all(Api(node.socket), count)
    questions(result, node, count, faults, options.full)
    orders(result, node, faults)
    for how in ("after an orderly end", "after kill -9"):
        restart(node, how, count, result, faults)
    questions(result, node, count, faults, False)
    show_memory("memory at the end", node.process.pid, result)
    if options.smaps:
        pathlib.Path(options.smaps).write_text(pathlib.Path(f"/proc/{node.process.pid}/smaps").read_text())
    return result, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000000)
    parser.add_argument("--tenants", type=int, default=10000)
    parser.add_argument("--data", default="/var/tmp")
    parser.add_argument("--json")
    parser.add_argument("--full", action="store_true", help="also list everything")
    parser.add_argument("--smaps", help="copy the server's memory map here at the end")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--reuse")
    options = parser.parse_args()
    if os.environ.get("BULKHEAD_MILLION_NETNS") != "1":
        os.environ["BULKHEAD_MILLION_NETNS"] = "1"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    make_network(options.tenants)
    directory = pathlib.Path(options.reuse or tempfile.mkdtemp(prefix="bulkhead-million-", dir=options.data))
    node = stage.harness.Node(directory / "node", listen=["0.0.0.0"])
    try:
        result, faults = play(node, options, directory)
        stage.write_result(options.json, result)
        for fault in faults:
            print("FAULT:", fault)
        sys.exit(1 if faults else 0)
    finally:
        if node.process is not None and node.process.is_running():
            node.stop()
        if options.keep or options.reuse:
            print("kept:", directory)
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
