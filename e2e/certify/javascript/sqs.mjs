// SQS with the AWS SDK for JavaScript v3.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-sqs";
import { account, all, eventually, refused, region } from "./certify.mjs";

const client = new sdk.SQS({ maxAttempts: 1 });

const { QueueUrl: dead } = await client.createQueue({ QueueName: "dead" });
const policy = JSON.stringify({ deadLetterTargetArn: `arn:aws:sqs:${region}:${account}:dead`, maxReceiveCount: 3 });
const { QueueUrl } = await client.createQueue({ QueueName: "jobs", Attributes: { RedrivePolicy: policy }, tags: { team: "a" } });

async function queues() {
  assert.equal((await client.getQueueUrl({ QueueName: "jobs" })).QueueUrl, QueueUrl);
  await client.setQueueAttributes({ QueueUrl, Attributes: { VisibilityTimeout: "31" } });
  const { Attributes } = await client.getQueueAttributes({ QueueUrl, AttributeNames: ["All"] });
  assert.deepEqual([Attributes.VisibilityTimeout, Attributes.RedrivePolicy], ["31", policy]);
  assert.deepEqual(await all(sdk.paginateListQueues, client, "QueueUrls", 1), [dead, QueueUrl]);
  assert.deepEqual(await all(sdk.paginateListDeadLetterSourceQueues, client, "queueUrls", 1, { QueueUrl: dead }), [QueueUrl]);
  await client.tagQueue({ QueueUrl, Tags: { x: "y" } });
  await client.untagQueue({ QueueUrl, TagKeys: ["team"] });
  assert.deepEqual((await client.listQueueTags({ QueueUrl })).Tags, { x: "y" });
}

async function messages() {
  // The SDK checks the digests of what it sends and receives.
  await client.sendMessage({ QueueUrl, MessageBody: "héllo", MessageAttributes: { bytes: { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) } } });
  const sent = await client.sendMessageBatch({ QueueUrl, Entries: [{ Id: "a", MessageBody: "1" }, { Id: "b", MessageBody: "2", DelaySeconds: 901 }] });
  assert.deepEqual([sent.Successful.length, sent.Failed[0].Code], [1, "InvalidParameterValue"]);
  const found = [];
  await eventually("both messages are received", async () => {
    const { Messages = [] } = await client.receiveMessage({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] });
    return found.push(...Messages) === 2;
  });
  const hello = found.find((m) => m.Body === "héllo");
  assert.deepEqual([...hello.MessageAttributes.bytes.BinaryValue], [0, 255]);
  assert.equal(hello.Attributes.ApproximateReceiveCount, "1");
  const [first, second] = found.map((m) => m.ReceiptHandle);
  await client.changeMessageVisibility({ QueueUrl, ReceiptHandle: first, VisibilityTimeout: 60 });
  const changed = await client.changeMessageVisibilityBatch({ QueueUrl, Entries: [{ Id: "a", ReceiptHandle: second, VisibilityTimeout: 60 }] });
  assert.equal(changed.Successful.length, 1);
  await client.deleteMessage({ QueueUrl, ReceiptHandle: first });
  assert.equal((await client.deleteMessageBatch({ QueueUrl, Entries: [{ Id: "a", ReceiptHandle: second }] })).Successful.length, 1);
}

async function refusals() {
  await client.purgeQueue({ QueueUrl });
  await refused(sdk.PurgeQueueInProgress, client.purgeQueue({ QueueUrl }));
  await refused(sdk.QueueNameExists, client.createQueue({ QueueName: "jobs", Attributes: { VisibilityTimeout: "7" } }));
  await refused(sdk.InvalidAttributeName, client.getQueueAttributes({ QueueUrl, AttributeNames: ["Colour"] }));
  await refused(sdk.ReceiptHandleIsInvalid, client.deleteMessage({ QueueUrl, ReceiptHandle: "none" }));
  const entry = { Id: "a", MessageBody: "x" };
  const send = (...Entries) => client.sendMessageBatch({ QueueUrl, Entries });
  await refused(sdk.BatchEntryIdsNotDistinct, send(entry, entry));
  await refused(sdk.EmptyBatchRequest, send());
  await refused(sdk.TooManyEntriesInBatchRequest, send(...Array.from({ length: 11 }, (_, i) => ({ ...entry, Id: `a${i}` }))));
  await refused(sdk.InvalidBatchEntryId, send({ ...entry, Id: "a b" }));
}

await queues();
await messages();
await refusals();
for (const url of [dead, QueueUrl]) await client.deleteQueue({ QueueUrl: url });
await refused(sdk.QueueDoesNotExist, client.getQueueUrl({ QueueName: "jobs" }));
