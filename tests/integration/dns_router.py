#!/usr/bin/env python3
"""A DNS forwarder for tests: sends each question to the server of its suffix, as a recursive resolver would.

usage: dns_router.py ADDRESS:PORT SUFFIX=ADDRESS:PORT… ; "SUFFIX=drop" never answers, "=ADDRESS:PORT" is for the rest.
"""
import socket
import sys
import threading


def name_of(query):
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    return ".".join(labels)


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def answer(listener, query, client, upstream):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(3)
        try:
            asking.sendto(query, upstream)
            listener.sendto(asking.recv(4096), client)
        except OSError:
            pass


def main():
    routes = [argument.split("=", 1) for argument in sys.argv[2:]]
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(endpoint(sys.argv[1]))
    print("listening", flush=True)
    while True:
        query, client = listener.recvfrom(4096)
        name = name_of(query)
        for suffix, upstream in routes:
            if suffix and not (name == suffix or name.endswith("." + suffix)):
                continue
            if upstream != "drop":
                threading.Thread(target=answer, args=(listener, query, client, endpoint(upstream)), daemon=True).start()
            break


main()
