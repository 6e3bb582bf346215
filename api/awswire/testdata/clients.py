"""Calls a few operations of each service with boto3 and prints what it got."""

import io
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]


def client(service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="123456789012",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}),
    )


def error(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        return {
            "class": type(e).__name__,
            "code": e.response["Error"]["Code"],
            "message": e.response["Error"]["Message"],
            "status": e.response["ResponseMetadata"]["HTTPStatusCode"],
        }
    return None


def plain(value):
    """Drops what differs from call to call, and shows what JSON cannot."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "ResponseMetadata"}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "read"):
        return value.read().decode()
    if isinstance(value, bytes):
        return value.hex()
    return value


scheduler, function, sqs = client("scheduler"), client("lambda"), client("sqs")
url = endpoint + "/123456789012/q"
arn = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/g"
got = {
    "create_schedule": scheduler.create_schedule(
        Name="n",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:eu-central-1:123456789012:function:f", "RoleArn": "arn:aws:iam::123456789012:role/r"},
    ),
    "get_schedule": scheduler.get_schedule(Name="n"),
    "list_tags_for_resource": scheduler.list_tags_for_resource(ResourceArn=arn),
    "pages": [s["Name"] for p in scheduler.get_paginator("list_schedules").paginate() for s in p["Schedules"]],
    "no_schedule": error(scheduler.delete_schedule, Name="missing"),
    "bad_schedule": error(scheduler.get_schedule, Name="a b"),
    "invoke": function.invoke(FunctionName="f", Payload=io.BytesIO(b'{"a": 1}'), LogType="Tail"),
    "create_function": function.create_function(
        FunctionName="f", Runtime="python3.12", Role="arn:aws:iam::123456789012:role/r", Handler="a.h", Code={"ZipFile": b"PK"}
    ),
    "delete_function": function.delete_function(FunctionName="f"),
    "no_function": error(function.get_function, FunctionName="missing"),
    "send_message": sqs.send_message(QueueUrl=url, MessageBody="hi"),
    "receive_message": sqs.receive_message(QueueUrl=url),
    "delete_message": sqs.delete_message(QueueUrl=url, ReceiptHandle="r"),
    "no_queue": error(sqs.get_queue_url, QueueName="missing"),
    "no_operation": error(sqs.remove_permission, QueueUrl=url, Label="l"),
}
json.dump({k: plain(v) for k, v in got.items()}, sys.stdout)
