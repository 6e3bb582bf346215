"""What the boto3 programs of the end-to-end tests share."""

import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"


def client(service, **credentials):
    """A stock client; the endpoint comes from AWS_ENDPOINT_URL where boto3 reads it."""
    endpoint = os.environ.get("BELFRY_TEST_ENDPOINT")
    return boto3.client(service, endpoint_url=endpoint, config=Config(retries={"max_attempts": 0}), **credentials)


def refused(code, call, **arguments):
    """Wants call to fail with the service's error code, and returns its message."""
    try:
        answer = call(**arguments)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e.response
        return e.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} answered {answer}, want {code}")


def eventually(what, seconds, ok):
    """Polls until ok returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ok()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s still not: {what}")


def same(got, want):
    assert got == want, f"got {got!r}, want {want!r}"
