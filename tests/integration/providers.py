"""What Gmail, Microsoft and Yahoo answer, as scripts for provider_sink.py.

The texts are the providers' own. From which count on they are said is chosen here (the providers tell nobody): first the
message is blamed, then the address is slowed down, then it is blocked. What blames the address hits everybody's mail from it.
"""


def gmail(ip, scale=1.0):
    return {
        "provider": "google", "host": "gmail-smtp-in.l.google.com", "endpoints": [f"{ip}:25"],
        "taken": "250 2.0.0 OK  1700000000 d9443c01a7336-1ac - gsmtp",
        "rules": [
            {"stage": "end", "from": int(150 * scale), "answer":
             "550-5.7.28 [{ip}] Gmail has detected an unusual rate of unsolicited email\n"
             "550-5.7.28 originating from your IP address. To protect our users from spam, mail\n"
             "550-5.7.28 sent from your IP address has been blocked. For more information, go to\n"
             "550 5.7.28 https://support.google.com/mail/?p=UnsolicitedIPError d9443c01a7336-1ac - gsmtp"},
            {"stage": "end", "from": int(60 * scale), "answer":
             "421-4.7.28 Gmail has detected an unusual rate of unsolicited email originating\n"
             "421-4.7.28 from your IP address. To protect our users from spam, mail sent from\n"
             "421-4.7.28 your IP address has been temporarily rate limited. For more\n"
             "421 4.7.28 information, go to https://support.google.com/mail/?p=UnsolicitedRateLimitError - gsmtp"},
            {"stage": "end", "unsolicited": True, "from": int(20 * scale), "answer":
             "550-5.7.1 [{ip}      12] Gmail has detected that this message is likely\n"
             "550-5.7.1 unsolicited mail. To reduce the amount of spam sent to Gmail, this\n"
             "550-5.7.1 message has been blocked. For more information, go to\n"
             "550 5.7.1 https://support.google.com/mail/?p=UnsolicitedMessageError d9443c01a7336-1ac - gsmtp"},
            {"stage": "rcpt", "recipient": "nobody", "answer":
             "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
             "550-5.1.1 double-checking the recipient's email address for typos or\n"
             "550-5.1.1 unnecessary spaces. For more information, go to\n"
             "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser d9443c01a7336-1ac - gsmtp"},
        ],
    }


def microsoft(ip, scale=1.0):
    return {
        "provider": "microsoft", "host": "hotmail-com.olc.protection.outlook.com", "endpoints": [f"{ip}:25"],
        "taken": "250 2.6.0 <a@sender> [InternalId=1, Hostname=mail.outlook.com] Queued mail for delivery -> 250 2.1.5",
        "rules": [
            {"stage": "mail", "from": int(50 * scale), "seconds": 40, "answer":
             "550 5.7.606 Access denied, banned sending IP [{ip}]. To request removal from this list please visit "
             "https://sender.office.com/ and follow the directions. (AS16012609)"},
            {"stage": "mail", "from": int(50 * scale), "seconds": 20, "answer":
             "550 5.7.1 Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider since "
             "part of their network is on our block list (S3150). You can also refer your provider to "
             "http://mail.live.com/mail/troubleshooting.aspx#errors."},
            {"stage": "mail", "from": int(50 * scale), "answer":
             "451 4.7.650 The mail server [{ip}] has been temporarily rate limited due to IP reputation. For e-mail delivery "
             "information, see https://aka.ms/postmaster (S775)"},
            {"stage": "rcpt", "recipient": "nobody", "answer":
             "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."},
        ],
    }


def yahoo(ip, scale=1.0):
    return {
        "provider": "yahoo", "host": "mta5.am0.yahoodns.net", "endpoints": [f"{ip}:25"], "taken": "250 ok dirdel",
        "rules": [
            {"stage": "greeting", "from": int(40 * scale), "seconds": 40, "answer":
             "553 5.7.2 [TSS09] All messages from {ip} will be permanently deferred; Retrying will NOT succeed. See "
             "https://postmaster.yahooinc.com/error-codes"},
            {"stage": "mail", "from": int(40 * scale), "answer":
             "421 4.7.0 [TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; "
             "see https://postmaster.yahooinc.com/error-codes"},
            {"stage": "rcpt", "of": "unknown", "from": int(60 * scale), "answer":
             "451 VS1-IP Excessive unknown recipients - possible Open Relay https://help.yahoo.com/kb/postmaster/SLN3405.html"},
            {"stage": "rcpt", "recipient": "nobody", "answer":
             "554 delivery error: dd This user doesn't have a yahoo.com account ({recipient}) [0] - mta5.am0.yahoodns.net"},
        ],
    }


def plain(ip):
    """A server that takes everything."""
    return {"provider": "", "host": "mx.plain.test", "endpoints": [f"{ip}:25"], "taken": "250 2.0.0 taken", "rules": []}
