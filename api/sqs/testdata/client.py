"""Uses queues as a program with boto3 does. The endpoint is the first argument."""

import sys

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client(
    "sqs",
    endpoint_url=sys.argv[1],
    region_name="eu-west-1",
    aws_access_key_id="111122223333",
    aws_secret_access_key="secret",
)


def refused(code, message, call, **params):
    try:
        call(**params)
    except ClientError as e:
        got = (e.response["Error"]["Code"], e.response["Error"]["Message"])
        assert got == (code, message), got
    else:
        raise AssertionError(f"{call} accepted {params}")


# Create, find, describe.
dlq = sqs.create_queue(QueueName="dead", tags={"team": "a"})["QueueUrl"]
assert dlq == sys.argv[1] + "/111122223333/dead", dlq
arn = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["QueueArn"])["Attributes"]
assert arn == {"QueueArn": "arn:aws:sqs:eu-west-1:111122223333:dead"}, arn
policy = '{"deadLetterTargetArn": "%s", "maxReceiveCount": 1}' % arn["QueueArn"]
url = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})["QueueUrl"]
assert sqs.get_queue_url(QueueName="work")["QueueUrl"] == url
assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
all_of_it = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
assert all_of_it["RedrivePolicy"] == policy and all_of_it["VisibilityTimeout"] == "30", all_of_it
sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
assert sqs.list_queues()["QueueUrls"] == [dlq, url]
assert sqs.list_queues(QueueNamePrefix="w")["QueueUrls"] == [url]
assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="absent")
pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
assert [p["QueueUrls"] for p in pages] == [[dlq], [url]]

# Send; boto3 checks the digests.
sent = sqs.send_message(
    QueueUrl=url,
    MessageBody="hello \u20ac",
    MessageAttributes={
        "s": {"DataType": "String", "StringValue": "text"},
        "n": {"DataType": "Number", "StringValue": "42"},
        "b": {"DataType": "Binary.raw", "BinaryValue": b"\x00\xff"},
    },
    MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
)
assert set(sent) - {"ResponseMetadata"} == {
    "MessageId", "MD5OfMessageBody", "MD5OfMessageAttributes", "MD5OfMessageSystemAttributes"
}, sent
batch = sqs.send_message_batch(
    QueueUrl=url,
    Entries=[{"Id": "ok", "MessageBody": "two"}, {"Id": "bad", "MessageBody": "x", "DelaySeconds": 901}],
)
assert [e["Id"] for e in batch["Successful"]] == ["ok"]
assert batch["Failed"] == [{
    "Id": "bad", "SenderFault": True, "Code": "InvalidParameterValue",
    "Message": "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
}], batch

# Receive.
got = sqs.receive_message(
    QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
    AttributeNames=["SenderId"], MessageSystemAttributeNames=["AWSTraceHeader"], MessageAttributeNames=["All"],
)["Messages"]
assert [m["Body"] for m in got] == ["hello \u20ac", "two"]
assert got[0]["MessageId"] == sent["MessageId"]
assert got[0]["Attributes"] == {"SenderId": "111122223333", "AWSTraceHeader": "Root=1"}, got[0]
assert got[0]["MessageAttributes"] == {
    "s": {"DataType": "String", "StringValue": "text"},
    "n": {"DataType": "Number", "StringValue": "42"},
    "b": {"DataType": "Binary.raw", "BinaryValue": b"\x00\xff"},
}, got[0]
assert got[0]["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
assert set(got[1]) == {"MessageId", "ReceiptHandle", "Body", "MD5OfBody", "Attributes"}, got[1]
assert "Messages" not in sqs.receive_message(QueueUrl=url)

# Release, dead-letter, delete.
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"], VisibilityTimeout=0)
changed = sqs.change_message_visibility_batch(
    QueueUrl=url,
    Entries=[{"Id": "1", "ReceiptHandle": got[1]["ReceiptHandle"], "VisibilityTimeout": 0},
             {"Id": "2", "ReceiptHandle": "x", "VisibilityTimeout": 0}],
)
assert [e["Id"] for e in changed["Successful"]] == ["1"] and changed["Failed"][0]["Code"] == "ReceiptHandleIsInvalid", changed
assert "Messages" not in sqs.receive_message(QueueUrl=url)  # both have been received once
assert sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"] == "2"
dead = sqs.receive_message(QueueUrl=dlq, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])["Messages"]
assert {m["MessageId"] for m in dead} == {m["MessageId"] for m in got}
assert dead[0]["Attributes"]["DeadLetterQueueSourceArn"] == "arn:aws:sqs:eu-west-1:111122223333:work"
sqs.delete_message(QueueUrl=dlq, ReceiptHandle=dead[0]["ReceiptHandle"])
gone = sqs.delete_message_batch(
    QueueUrl=dlq,
    Entries=[{"Id": "1", "ReceiptHandle": dead[1]["ReceiptHandle"]}, {"Id": "2", "ReceiptHandle": "x"}],
)
assert gone["Successful"] == [{"Id": "1"}] and gone["Failed"][0]["Id"] == "2", gone

# What is refused, under the codes that programs look for.
absent = sys.argv[1] + "/111122223333/absent"
refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.",
        sqs.send_message, QueueUrl=absent, MessageBody="x")
try:
    sqs.get_queue_url(QueueName="absent")
except sqs.exceptions.QueueDoesNotExist:
    pass
refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.",
        sqs.get_queue_url, QueueName="work", QueueOwnerAWSAccountId="999999999999")
refused("AccessDenied", f"Access to the resource {sys.argv[1]}/999999999999/work is denied.",
        sqs.send_message, QueueUrl=sys.argv[1] + "/999999999999/work", MessageBody="x")
refused("InvalidAddress", "The address work is not valid for this endpoint.",
        sqs.send_message, QueueUrl="work", MessageBody="x")
refused("QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute DelaySeconds",
        sqs.create_queue, QueueName="work", Attributes={"DelaySeconds": "1"})
refused("InvalidParameterValue", "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
refused("MissingParameter", "The request must contain the parameter MessageBody.",
        sqs.send_message, QueueUrl=url, MessageBody="")
refused("InvalidAttributeName", "Unknown Attribute X.", sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["X"])
refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.",
        sqs.delete_message, QueueUrl=url, ReceiptHandle="x")
refused("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 20.",
        sqs.send_message_batch, QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(20)])
refused("AWS.SimpleQueueService.EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request.",
        sqs.send_message_batch, QueueUrl=url, Entries=[])
refused("AWS.SimpleQueueService.UnsupportedOperation", "FIFO queues are not supported yet: a queue name cannot end in .fifo.",
        sqs.create_queue, QueueName="a.fifo", Attributes={"FifoQueue": "true"})
sqs.send_message(QueueUrl=url, MessageBody="x" * (1 << 20))
refused("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
        sqs.send_message, QueueUrl=url, MessageBody="x" * ((1 << 20) + 1))

# Purge, delete.
sqs.purge_queue(QueueUrl=url)
refused("AWS.SimpleQueueService.PurgeQueueInProgress", "Only one PurgeQueue operation on work is allowed every 60 seconds.",
        sqs.purge_queue, QueueUrl=url)
sqs.delete_queue(QueueUrl=url)
refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", sqs.delete_queue, QueueUrl=url)
