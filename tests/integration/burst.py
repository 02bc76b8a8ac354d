"""Many transactions in one write, by a client that waits for no answer in between."""
import socket
import threading

from load import Load


def transaction(sender, recipients, body=b"Subject: Prize\r\n\r\nYou won.\r\n"):
    """A whole transaction that needs no answer in between (RFC 3030)."""
    lines = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients), f"BDAT {len(body)} LAST"]
    return "\r\n".join(lines).encode() + b"\r\n" + body


def burst(endpoint, client, transactions):
    """All of them in one write; returns how many the server took before it had enough."""
    taken = 0
    try:
        with socket.create_connection(endpoint, 20, (client, 0)) as connection:
            connection.settimeout(4)
            stream = connection.makefile("rb")
            Load.expect(stream)
            Load.say(connection, "EHLO thief.test")
            Load.expect(stream)
            writer = threading.Thread(target=write, args=(connection, b"".join(transactions) + b"QUIT\r\n"))
            writer.start()
            while (line := stream.readline()) and not line.startswith((b"221", b"421")):
                taken += line.startswith(b"250 2.0.0")
            connection.shutdown(socket.SHUT_RDWR)
            writer.join()
    except OSError:
        pass
    return taken


def write(connection, text):
    try:
        connection.sendall(text)
    except OSError:
        pass     # it was told to go
