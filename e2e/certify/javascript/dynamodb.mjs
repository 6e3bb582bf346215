// DynamoDB with the AWS SDK for JavaScript v3.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-dynamodb";
import { account, all, refused, region } from "./certify.mjs";

const client = new sdk.DynamoDB({ maxAttempts: 1 });
const ResourceArn = `arn:aws:dynamodb:${region}:${account}:table/locks`;
const key = {
  AttributeDefinitions: [{ AttributeName: "k", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
  BillingMode: "PAY_PER_REQUEST",
};
const item = (k, more = {}) => ({ k: { S: k }, ...more });

async function tables() {
  const made = await client.createTable({ TableName: "locks", Tags: [{ Key: "team", Value: "a" }], ...key });
  assert.equal(made.TableDescription.TableArn, ResourceArn);
  await client.createTable({ TableName: "others", ...key });
  await sdk.waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1 }, { TableName: "locks" });
  assert.equal((await client.describeTable({ TableName: "locks" })).Table.TableStatus, "ACTIVE");
  const names = [];
  for await (const page of sdk.paginateListTables({ client, pageSize: 1 }, {})) names.push(...page.TableNames);
  assert.deepEqual(names, ["locks", "others"]);
  await client.updateTable({ TableName: "locks", DeletionProtectionEnabled: true });
  await client.updateTimeToLive({ TableName: "locks", TimeToLiveSpecification: { Enabled: true, AttributeName: "ttl" } });
  assert.equal((await client.describeTimeToLive({ TableName: "locks" })).TimeToLiveDescription.AttributeName, "ttl");
  const off = { PointInTimeRecoveryEnabled: false };
  for (const { ContinuousBackupsDescription: d } of [
    await client.updateContinuousBackups({ TableName: "locks", PointInTimeRecoverySpecification: off }),
    await client.describeContinuousBackups({ TableName: "locks" }),
  ])
    assert.equal(d.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus, "DISABLED");
  await client.tagResource({ ResourceArn, Tags: [{ Key: "x", Value: "y" }] });
  await client.untagResource({ ResourceArn, TagKeys: ["team"] });
  assert.deepEqual((await client.listTagsOfResource({ ResourceArn })).Tags, [{ Key: "x", Value: "y" }]);
}

async function items() {
  const TableName = "locks";
  const Item = item("a", { n: { N: "1.5" }, b: { B: Buffer.from([0, 255]) }, s: { SS: ["x", "y"] }, l: { L: [{ NULL: true }, { BOOL: false }] } });
  await client.putItem({ TableName, Item });
  const got = (await client.getItem({ TableName, Key: item("a"), ConsistentRead: true })).Item;
  assert.deepEqual([...got.b.B], [0, 255]);
  assert.deepEqual([got.n, got.s, got.l], [Item.n, Item.s, Item.l]);
  const { Attributes } = await client.updateItem({
    TableName, Key: item("a"), UpdateExpression: "ADD n :one", ExpressionAttributeValues: { ":one": { N: "1" } }, ReturnValues: "UPDATED_NEW",
  });
  assert.deepEqual(Attributes, { n: { N: "2.5" } });
  const puts = ["b", "c", "d"].map((k) => ({ PutRequest: { Item: item(k) } }));
  assert.deepEqual((await client.batchWriteItem({ RequestItems: { locks: puts } })).UnprocessedItems, {});
  const { Responses } = await client.batchGetItem({ RequestItems: { locks: { Keys: [item("a"), item("z")] } } });
  assert.equal(Responses.locks.length, 1);
  assert.equal((await all(sdk.paginateScan, client, "Items", 2, { TableName })).length, 4);
  const query = { TableName, KeyConditionExpression: "k = :k", ExpressionAttributeValues: { ":k": { S: "a" } } };
  assert.equal((await all(sdk.paginateQuery, client, "Items", 1, query)).length, 1);
  const gets = await client.transactGetItems({ TransactItems: ["a", "z"].map((k) => ({ Get: { TableName, Key: item(k) } })) });
  assert.deepEqual(gets.Responses.map((r) => r.Item !== undefined), [true, false]);
  await client.deleteItem({ TableName, Key: item("a") });
}

async function conditions() {
  const TableName = "locks";
  const put = (k) => ({ TableName, Item: item(k), ConditionExpression: "attribute_not_exists(k)" });
  const race = await Promise.allSettled(Array.from({ length: 16 }, () => client.putItem(put("race"))));
  assert.equal(race.filter((r) => r.status === "fulfilled").length, 1);
  const failed = await refused(sdk.ConditionalCheckFailedException, client.putItem({ ...put("race"), ReturnValuesOnConditionCheckFailure: "ALL_OLD" }));
  assert.deepEqual(failed.Item, item("race"));
  const write = (...keys) => client.transactWriteItems({ TransactItems: keys.map((k) => ({ Put: put(k) })) });
  await write("t1", "t2");
  const cancelled = await refused(sdk.TransactionCanceledException, write("t3", "t1"));
  assert.deepEqual(cancelled.CancellationReasons.map((r) => r.Code), ["None", "ConditionalCheckFailed"]);
}

async function refusals() {
  await refused(sdk.ResourceInUseException, client.createTable({ TableName: "locks", ...key }));
  await refused(sdk.ResourceNotFoundException, client.getItem({ TableName: "absent", Key: item("a") }));
  await refused(sdk.TableNotFoundException, client.describeContinuousBackups({ TableName: "absent" }));
  const on = { PointInTimeRecoveryEnabled: true };
  const error = await refused(sdk.DynamoDBServiceException, client.updateContinuousBackups({ TableName: "locks", PointInTimeRecoverySpecification: on }));
  assert.equal(error.name, "ValidationException");
}

await tables();
await items();
await conditions();
await refusals();
await client.updateTable({ TableName: "locks", DeletionProtectionEnabled: false });
for (const TableName of ["locks", "others"]) await client.deleteTable({ TableName });
await sdk.waitUntilTableNotExists({ client, maxWaitTime: 60, minDelay: 1 }, { TableName: "locks" });
