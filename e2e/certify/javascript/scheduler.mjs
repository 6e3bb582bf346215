// EventBridge Scheduler with the AWS SDK for JavaScript v3.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-scheduler";
import { account, all, eventually, refused, region } from "./certify.mjs";

const client = new sdk.Scheduler({ maxAttempts: 1 });
const group = "reports";
const start = new Date("2030-01-01T00:00:00Z");
const target = {
  Arn: `arn:aws:sqs:${region}:${account}:jobs`,
  RoleArn: `arn:aws:iam::${account}:role/scheduler`,
  Input: "héllo",
  RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 },
};

async function groups() {
  const { ScheduleGroupArn: arn } = await client.createScheduleGroup({ Name: group, Tags: [{ Key: "team", Value: "a" }] });
  const got = await client.getScheduleGroup({ Name: group });
  assert.deepEqual([got.Arn, got.State], [arn, "ACTIVE"]);
  assert.ok(got.CreationDate instanceof Date);
  const names = (await all(sdk.paginateListScheduleGroups, client, "ScheduleGroups", 1)).map((g) => g.Name);
  assert.deepEqual(names, ["default", group]);
  await client.tagResource({ ResourceArn: arn, Tags: [{ Key: "x", Value: "y" }] });
  await client.untagResource({ ResourceArn: arn, TagKeys: ["team"] });
  assert.deepEqual((await client.listTagsForResource({ ResourceArn: arn })).Tags, [{ Key: "x", Value: "y" }]);
  await refused(sdk.ConflictException, client.createScheduleGroup({ Name: group }));
}

function create(name, more = {}) {
  return client.createSchedule({
    Name: name,
    GroupName: group,
    ScheduleExpression: "rate(1 hour)",
    State: "DISABLED",
    StartDate: start,
    FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 5 },
    Target: target,
    ...more,
  });
}

async function schedules() {
  const names = ["s0", "s1", "s2", "s3", "s4"];
  for (const name of names) await create(name);
  const name = { Name: "s0", GroupName: group };
  let got = await client.getSchedule(name);
  assert.deepEqual(got.Target, target);
  assert.deepEqual(got.StartDate, start);
  await client.updateSchedule({ ...name, ScheduleExpression: "at(2030-01-01T00:00:00)", FlexibleTimeWindow: { Mode: "OFF" }, Target: target, ActionAfterCompletion: "DELETE" });
  got = await client.getSchedule(name);
  assert.deepEqual([got.ScheduleExpression, got.State, got.StartDate, got.ActionAfterCompletion], ["at(2030-01-01T00:00:00)", "ENABLED", undefined, "DELETE"]);
  const listed = await all(sdk.paginateListSchedules, client, "Schedules", 2, { GroupName: group });
  assert.deepEqual(listed.map((s) => s.Name), names);
  await refused(sdk.ConflictException, create("s0", { Description: "another" }));
  await refused(sdk.ValidationException, create("bad", { ScheduleExpression: "rate(0 minutes)" }));
  await refused(sdk.ResourceNotFoundException, create("s", { GroupName: "absent" }));
  await client.deleteSchedule(name);
  await refused(sdk.ResourceNotFoundException, client.getSchedule(name));
}

await groups();
await schedules();
await client.deleteScheduleGroup({ Name: group });
await eventually("the group is gone", () =>
  client.getScheduleGroup({ Name: group }).then(
    () => false,
    (error) => error instanceof sdk.ResourceNotFoundException,
  ),
);
