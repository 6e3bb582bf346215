"""SQS with boto3."""

import json

from certify import ACCOUNT, REGION, client, eventually, pages, refused, same

c = client("sqs")
errors = c.exceptions


def queues():
    dead = c.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 2})
    q = c.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "5", "RedrivePolicy": policy}, tags={"team": "a"})["QueueUrl"]
    same(c.get_queue_url(QueueName="jobs")["QueueUrl"], q)
    c.set_queue_attributes(QueueUrl=q, Attributes={"VisibilityTimeout": "30"})
    got = c.get_queue_attributes(QueueUrl=q, AttributeNames=["All"])["Attributes"]
    same((got["VisibilityTimeout"], got["RedrivePolicy"], got["QueueArn"]), ("30", policy, f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"))
    same(pages(c, "list_queues", "QueueUrls", 1), [dead, q])
    same(pages(c, "list_dead_letter_source_queues", "queueUrls", 1, QueueUrl=dead), [q])
    same(pages(c, "list_dead_letter_source_queues", "queueUrls", 1, QueueUrl=q), [])
    c.tag_queue(QueueUrl=q, Tags={"x": "y"})
    c.untag_queue(QueueUrl=q, TagKeys=["team"])
    same(c.list_queue_tags(QueueUrl=q)["Tags"], {"x": "y"})
    return q, dead


def receive(q):
    return c.receive_message(QueueUrl=q, MaxNumberOfMessages=10, WaitTimeSeconds=2, MessageAttributeNames=["All"], AttributeNames=["All"]).get("Messages", [])


def messages(q, dead):
    # boto3 checks the digests of what it sends and receives.
    c.send_message(QueueUrl=q, MessageBody="héllo", MessageAttributes={
        "text": {"DataType": "String", "StringValue": "ü"}, "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    })
    sent = c.send_message_batch(QueueUrl=q, Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2", "DelaySeconds": 901}])
    same([e["Id"] for e in sent["Successful"]], ["a"])
    same([(e["Id"], e["Code"], e["SenderFault"]) for e in sent["Failed"]], [("b", "InvalidParameterValue", True)])
    found = []
    eventually("both messages are received", lambda: found.extend(receive(q)) or len(found) == 2)
    hello = next(m for m in found if m["Body"] == "héllo")
    same(hello["MessageAttributes"]["bytes"]["BinaryValue"], b"\x00\xff")
    same(hello["Attributes"]["ApproximateReceiveCount"], "1")
    for m in found:  # released, received once more, released: the third receive dead-letters
        c.change_message_visibility(QueueUrl=q, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    again = []
    eventually("both messages are received again", lambda: again.extend(receive(q)) or len(again) == 2)
    entries = [{"Id": str(i), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0} for i, m in enumerate(again)]
    same(len(c.change_message_visibility_batch(QueueUrl=q, Entries=entries)["Successful"]), 2)
    same(receive(q), [])
    lost = []
    eventually("both messages are dead letters", lambda: lost.extend(receive(dead)) or len(lost) == 2)
    same({m["MessageId"] for m in lost}, {m["MessageId"] for m in found})
    c.delete_message(QueueUrl=dead, ReceiptHandle=lost[0]["ReceiptHandle"])
    same(len(c.delete_message_batch(QueueUrl=dead, Entries=[{"Id": "a", "ReceiptHandle": lost[1]["ReceiptHandle"]}])["Successful"]), 1)


def refusals(q):
    c.purge_queue(QueueUrl=q)
    refused(errors.PurgeQueueInProgress, c.purge_queue, QueueUrl=q)
    refused(errors.QueueNameExists, c.create_queue, QueueName="jobs", Attributes={"VisibilityTimeout": "7"})
    refused(errors.UnsupportedOperation, c.create_queue, QueueName="jobs.fifo", Attributes={"FifoQueue": "true"})
    refused(errors.InvalidAttributeName, c.get_queue_attributes, QueueUrl=q, AttributeNames=["Colour"])
    refused(errors.ReceiptHandleIsInvalid, c.delete_message, QueueUrl=q, ReceiptHandle="none")
    entry = {"Id": "a", "MessageBody": "x"}
    refused(errors.BatchEntryIdsNotDistinct, c.send_message_batch, QueueUrl=q, Entries=[entry, entry])
    refused(errors.TooManyEntriesInBatchRequest, c.send_message_batch, QueueUrl=q, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)])
    refused(errors.EmptyBatchRequest, c.send_message_batch, QueueUrl=q, Entries=[])
    refused(errors.InvalidBatchEntryId, c.send_message_batch, QueueUrl=q, Entries=[{"Id": "a b", "MessageBody": "x"}])
    big = {"MessageBody": "x" * 700_000}
    refused(errors.BatchRequestTooLong, c.send_message_batch, QueueUrl=q, Entries=[{"Id": "a", **big}, {"Id": "b", **big}])


q, dead = queues()
messages(q, dead)
refusals(q)
for url in (q, dead):
    c.delete_queue(QueueUrl=url)
r = refused(errors.QueueDoesNotExist, c.send_message, QueueUrl=q, MessageBody="x")
same(r["Error"]["Code"], "AWS.SimpleQueueService.NonExistentQueue")
