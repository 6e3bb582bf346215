"""What the programs that certify Belfry with boto3 share."""

import io
import os
import time
import zipfile

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
REGION = os.environ["AWS_REGION"]


def client(service):
    """A stock client; the endpoint is also given by hand, for old versions that
    do not read AWS_ENDPOINT_URL."""
    config = Config(retries={"max_attempts": 0})
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=config)


def refused(exception, call, **arguments):
    """Wants call to raise the client's own exception, and returns the response."""
    try:
        answer = call(**arguments)
    except exception as e:
        return e.response
    raise AssertionError(f"{call.__name__} answered {answer}, want {exception.__name__}")


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def pages(client, operation, key, size, **arguments):
    """All items of a list, read with the paginator in pages of size."""
    found, count = [], 0
    for page in client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments):
        found += page.get(key, [])
        count += 1
    assert count >= -(-len(found) // size), f"{count} pages of {size} for {len(found)} items"
    return found


def eventually(what, ok, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ok()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s still not: {what}")


HANDLER = """
def handler(event, context):
    if isinstance(event, dict) and event.get("fail"):
        raise ValueError(event["fail"])
    print("seen by", context.aws_request_id)
    return event
"""


def zipped(source=HANDLER, name="handler.py"):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr(name, source)
    return data.getvalue()
