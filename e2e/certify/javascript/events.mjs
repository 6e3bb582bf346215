// EventBridge rules with the AWS SDK for JavaScript v3, which has no paginators
// for them.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-eventbridge";
import { account, refused, region } from "./certify.mjs";

const client = new sdk.EventBridge({ maxAttempts: 1 });
const queue = `arn:aws:sqs:${region}:${account}:jobs`;

// listed follows the tokens of a list in pages of one.
async function listed(call, key, input = {}) {
  const found = [];
  let NextToken;
  do {
    const page = await call.call(client, { ...input, Limit: 1, NextToken });
    found.push(...page[key]);
    NextToken = page.NextToken;
  } while (NextToken);
  return found;
}

async function rules() {
  const { RuleArn } = await client.putRule({ Name: "hourly", ScheduleExpression: "rate(1 hour)", State: "DISABLED", Tags: [{ Key: "team", Value: "a" }] });
  assert.equal(RuleArn, `arn:aws:events:${region}:${account}:rule/hourly`);
  await client.putRule({ Name: "daily", ScheduleExpression: "cron(0 8 * * ? *)" });
  await client.enableRule({ Name: "hourly" });
  assert.equal((await client.describeRule({ Name: "hourly" })).State, "ENABLED");
  await client.disableRule({ Name: "hourly" });
  assert.equal((await client.describeRule({ Name: "hourly" })).State, "DISABLED");
  assert.deepEqual((await listed(client.listRules, "Rules")).map((r) => r.Name), ["daily", "hourly"]);
  await client.tagResource({ ResourceARN: RuleArn, Tags: [{ Key: "x", Value: "y" }] });
  await client.untagResource({ ResourceARN: RuleArn, TagKeys: ["team"] });
  assert.deepEqual((await client.listTagsForResource({ ResourceARN: RuleArn })).Tags, [{ Key: "x", Value: "y" }]);
  await refused(sdk.ResourceNotFoundException, client.describeRule({ Name: "absent" }));
  const error = await refused(sdk.EventBridgeServiceException, client.putRule({ Name: "bad", ScheduleExpression: "rate(1 hours)" }));
  assert.equal(error.name, "ValidationException"); // it is not modelled
}

async function targets() {
  const Targets = ["a", "b"].map((Id) => ({ Id, Arn: queue, Input: JSON.stringify({ Id }) }));
  assert.equal((await client.putTargets({ Rule: "hourly", Targets })).FailedEntryCount, 0);
  assert.deepEqual(await listed(client.listTargetsByRule, "Targets", { Rule: "hourly" }), Targets);
  assert.deepEqual(await listed(client.listRuleNamesByTarget, "RuleNames", { TargetArn: queue }), ["hourly"]);
  await refused(sdk.LimitExceededException, client.putTargets({ Rule: "hourly", Targets: [1, 2, 3, 4, 5, 6].map((i) => ({ Id: `${i}`, Arn: queue })) }));
  const error = await refused(sdk.EventBridgeServiceException, client.deleteRule({ Name: "hourly" }));
  assert.equal(error.name, "ValidationException");
  assert.equal((await client.removeTargets({ Rule: "hourly", Ids: ["a", "b"] })).FailedEntryCount, 0);
}

await rules();
await targets();
assert.equal((await client.describeEventBus({})).Name, "default");
assert.deepEqual((await client.listEventBuses({})).EventBuses.map((b) => b.Name), ["default"]);
for (const Name of ["hourly", "daily"]) await client.deleteRule({ Name });
await refused(sdk.ResourceNotFoundException, client.describeRule({ Name: "hourly" }));
