"""Sends the mail of an outbox whose time has come, by SMTP.

The outbox is a table with the key "id". An item has "send_at" (Unix seconds),
"to", "subject", "body", and the state "waiting"; this function makes it "sent".
Needs boto3, as Lambda's own Python has it.
"""

import email.message
import email.utils
import logging
import os
import smtplib
import socket
import time
import urllib.parse

import boto3
from botocore.exceptions import ClientError

log = logging.getLogger()
log.setLevel(logging.INFO)

# boto3 before 1.28 does not look at AWS_ENDPOINT_URL by itself.
dynamodb = boto3.resource("dynamodb", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
outbox = dynamodb.Table(os.environ["TABLE"])

# How long a mail belongs to the run that has claimed it: longer than a run.
CLAIM_SECONDS = 300


class SMTP(smtplib.SMTP):
    """SMTP through the proxy that an isolated function has, if it has one."""

    def _get_socket(self, host, port, timeout):
        proxy = os.environ.get("HTTPS_PROXY")
        if not proxy:
            return super()._get_socket(host, port, timeout)
        via = urllib.parse.urlsplit(proxy)
        s = socket.create_connection((via.hostname, via.port), timeout)
        s.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows is SMTP's
            byte = s.recv(1)
            if not byte:
                break
            answer += byte
        status = answer.split(b"\r\n", 1)[0].decode(errors="replace")
        if " 200 " not in status:
            s.close()
            raise ConnectionError(f"the proxy does not connect to {host}:{port}: {status}")
        return s


def due(now):
    """Yields the mail that is to be sent, and what a run that died has left."""
    page = {}
    while True:
        answer = outbox.scan(
            FilterExpression="send_at <= :now AND (#state = :waiting OR (#state = :sending AND claimed_until < :now))",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":now": now, ":waiting": "waiting", ":sending": "sending"},
            **page,
        )
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def claim(mail, now):
    """Says whether the mail is ours: exactly one of all who ask gets it."""
    try:
        outbox.update_item(
            Key={"id": mail["id"]},
            UpdateExpression="SET #state = :sending, claimed_until = :until",
            ConditionExpression="#state = :waiting OR (#state = :sending AND claimed_until < :now)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":sending": "sending", ":waiting": "waiting", ":now": now, ":until": now + CLAIM_SECONDS},
        )
    except ClientError as e:
        if e.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True


def mark(mail, state):
    outbox.update_item(
        Key={"id": mail["id"]},
        UpdateExpression="SET #state = :state",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":state": state},
    )


def compose(mail):
    """The Message-ID is the item's: a mail that goes out twice, because the run died
    between sending and saying so, is one mail for those who compare ids."""
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"] = os.environ["SENDER"], mail["to"], mail["subject"]
    m["Date"] = email.utils.formatdate()
    m["Message-ID"] = f"<{mail['id']}@{os.environ['SENDER'].split('@')[-1]}>"
    m.set_content(mail["body"])
    return m


def handler(event, context):
    """Answers what was sent; what could not be is an error, and waits for the next run."""
    now = int(time.time())
    sent, failed = [], []
    for mail in due(now):
        if context.get_remaining_time_in_millis() < 10_000:
            break
        if not claim(mail, now):
            continue
        try:
            with SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=8) as smtp:
                smtp.send_message(compose(mail))
        except (OSError, smtplib.SMTPException, ValueError) as e:
            log.error("%s was not sent: %s", mail["id"], e)
            mark(mail, "waiting")
            failed.append(mail["id"])
            continue
        mark(mail, "sent")
        log.info("%s was sent", mail["id"])
        sent.append(mail["id"])
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(failed) + len(sent)} were not sent: {', '.join(failed[:5])}")
    return {"sent": sent}
