"""A queue, with boto3."""

import time

from belfry import client, eventually, refused, same

queues = client("sqs")

url = queues.create_queue(QueueName="inbox", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
assert url.endswith("/000000000000/inbox"), url
same(queues.create_queue(QueueName="inbox", Attributes={"VisibilityTimeout": "2"})["QueueUrl"], url)
same(queues.get_queue_url(QueueName="inbox")["QueueUrl"], url)
attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
same(attributes["QueueArn"], "arn:aws:sqs:us-east-1:000000000000:inbox")
same((attributes["VisibilityTimeout"], attributes["MaximumMessageSize"]), ("2", "1048576"))

assert "Messages" not in queues.receive_message(QueueUrl=url)

# boto3 itself compares the checksums of bodies.
sent = queues.send_message(QueueUrl=url, MessageBody="Grüße aus dem Turm", MessageAttributes={
    "kind": {"DataType": "String", "StringValue": "greeting"}})
got = queues.receive_message(QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"]
same([m["MessageId"] for m in got], [sent["MessageId"]])
same((got[0]["Body"], got[0]["MessageAttributes"]["kind"]["StringValue"]), ("Grüße aus dem Turm", "greeting"))
same(got[0]["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
same(got[0]["Attributes"]["ApproximateReceiveCount"], "1")

# Hidden for the visibility timeout, then there again under a new handle.
assert "Messages" not in queues.receive_message(QueueUrl=url)
again = eventually("visible again", 10, lambda: queues.receive_message(QueueUrl=url, AttributeNames=["All"], WaitTimeSeconds=2).get("Messages"))
same((again[0]["MessageId"], again[0]["Attributes"]["ApproximateReceiveCount"]), (sent["MessageId"], "2"))
assert again[0]["ReceiptHandle"] != got[0]["ReceiptHandle"]

queues.delete_message(QueueUrl=url, ReceiptHandle=again[0]["ReceiptHandle"])
queues.delete_message(QueueUrl=url, ReceiptHandle=again[0]["ReceiptHandle"])
attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
same((attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"]), ("0", "0"))

# A long poll that finds nothing waits as long as it was told to, and no longer.
start = time.monotonic()
assert "Messages" not in queues.receive_message(QueueUrl=url, WaitTimeSeconds=1)
assert 0.9 < time.monotonic() - start < 5

refused("AWS.SimpleQueueService.NonExistentQueue", queues.get_queue_url, QueueName="nowhere")
