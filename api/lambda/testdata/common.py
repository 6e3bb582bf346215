"""What the programs beside it share: a client of the server, and how they assert."""
import io
import json
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}, read_timeout=60))
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
ROLE = "arn:aws:iam::123456789012:role/r"


def make_zip(source, name="app.py"):
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w") as z:
        z.writestr(name, source)
    return buf.getvalue()


def create_function(name, code, **more):
    args = dict(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Timeout=20, Code={"ZipFile": code})
    args.update(more)
    return client.create_function(**args)


def fails(want, text, status, call, **args):
    try:
        call(**args)
    except ClientError as e:
        got = e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == (want, status), (got, e)
        assert text in e.response["Error"]["Message"], e.response["Error"]["Message"]
        return e.response
    raise AssertionError("not refused: %s" % text)


def invoke(name, payload, **more):
    r = client.invoke(FunctionName=name, Payload=json.dumps(payload), **more)
    body = r["Payload"].read()
    return r, json.loads(body) if body else None


NOT = "ResourceNotFoundException"
PARAM = "InvalidParameterValueException"
