// CloudWatch Logs with the AWS SDK for JavaScript v3.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { refused } from "./certify.mjs";

const client = new sdk.CloudWatchLogs({ maxAttempts: 1 });
const group = { logGroupName: "reports" };
const stream = { ...group, logStreamName: "s" };

async function groups() {
  await client.createLogGroup({ ...group, tags: { team: "a" } });
  await refused(sdk.ResourceAlreadyExistsException, client.createLogGroup(group));
  await client.putRetentionPolicy({ ...group, retentionInDays: 7 });
  await refused(sdk.InvalidParameterException, client.putRetentionPolicy({ ...group, retentionInDays: 2 }));
  const { logGroups } = await client.describeLogGroups({ logGroupNamePrefix: "rep" });
  assert.deepEqual(logGroups.map((g) => [g.logGroupName, g.retentionInDays]), [["reports", 7]]);
  await client.deleteRetentionPolicy(group);

  const resourceArn = logGroups[0].logGroupArn;
  await client.tagResource({ resourceArn, tags: { x: "y" } });
  await client.untagResource({ resourceArn, tagKeys: ["team"] });
  assert.deepEqual((await client.listTagsForResource({ resourceArn })).tags, { x: "y" });
  await client.tagLogGroup({ ...group, tags: { team: "b" } });
  await client.untagLogGroup({ ...group, tags: ["x"] });
  assert.deepEqual((await client.listTagsLogGroup(group)).tags, { team: "b" });
}

async function events() {
  await refused(sdk.ResourceNotFoundException, client.getLogEvents(stream));
  await client.createLogStream(stream);
  const now = Date.now();
  const messages = ["INFO a", "ERROR b", "ERROR ü"];
  await client.putLogEvents({ ...stream, logEvents: messages.map((message, i) => ({ timestamp: now + i, message })) });
  const { logStreams } = await client.describeLogStreams(group);
  assert.deepEqual(logStreams.map((s) => [s.logStreamName, s.lastEventTimestamp]), [["s", now + 2]]);
  const read = await client.getLogEvents({ ...stream, startFromHead: true });
  assert.deepEqual(read.events.map((e) => e.message), messages);
  const found = [];
  for await (const page of sdk.paginateFilterLogEvents({ client, pageSize: 1 }, { ...group, filterPattern: "ERROR" })) found.push(...page.events);
  assert.deepEqual(found.map((e) => e.message), ["ERROR b", "ERROR ü"]);
}

await groups();
await events();
await client.deleteLogStream(stream);
await client.deleteLogGroup(group);
await refused(sdk.ResourceNotFoundException, client.deleteLogGroup(group));
