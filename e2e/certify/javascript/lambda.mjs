// Lambda with the AWS SDK for JavaScript v3.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-lambda";
import { account, all, handler, refused, region, zipped } from "./certify.mjs";
import { layers } from "./layers.mjs";

const client = new sdk.Lambda({ maxAttempts: 1 });
const arn = `arn:aws:lambda:${region}:${account}:function:one`;
const one = { FunctionName: "one" };

function create(name, more = {}) {
  return client.createFunction({
    FunctionName: name,
    Runtime: "python3.12",
    Handler: "handler.handler",
    Timeout: 30,
    Role: `arn:aws:iam::${account}:role/function`,
    Code: { ZipFile: zipped() },
    Tags: { team: "a" },
    ...more,
  });
}

async function functions() {
  for (const name of ["one", "two"]) {
    assert.equal((await create(name)).State, "Pending");
    await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName: name });
  }
  const before = await client.getFunction(one);
  assert.deepEqual([before.Configuration.FunctionArn, before.Tags], [arn, { team: "a" }]);
  await client.updateFunctionCode({ ...one, ZipFile: zipped(handler + "\n") });
  await client.updateFunctionConfiguration({ ...one, MemorySize: 256 });
  await sdk.waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60 }, one);
  const after = await client.getFunctionConfiguration(one);
  assert.equal(after.MemorySize, 256);
  assert.notEqual(after.CodeSha256, before.Configuration.CodeSha256);
  const names = (await all(sdk.paginateListFunctions, client, "Functions", 1)).map((f) => f.FunctionName);
  assert.deepEqual(names, ["one", "two"]);
  const versions = await all(sdk.paginateListVersionsByFunction, client, "Versions", 50, one);
  assert.deepEqual(versions.map((f) => f.Version), ["$LATEST"]);
  assert.equal((await client.getFunctionCodeSigningConfig(one)).FunctionName, "one");
  await refused(sdk.ResourceConflictException, create("one"));
  await refused(sdk.InvalidParameterValueException, create("bad", { Runtime: "cobol85" }));
  await refused(sdk.PreconditionFailedException, client.updateFunctionConfiguration({ ...one, RevisionId: "old" }));
}

async function invocations() {
  const text = (r) => Buffer.from(r.Payload).toString();
  let r = await client.invoke({ ...one, Payload: '{"a":"ü"}', LogType: "Tail" });
  assert.deepEqual([r.StatusCode, JSON.parse(text(r)), r.ExecutedVersion], [200, { a: "ü" }, "$LATEST"]);
  assert.match(Buffer.from(r.LogResult, "base64").toString(), /seen by/);
  r = await client.invoke({ ...one, Payload: '{"fail":"as asked"}' });
  assert.deepEqual([r.FunctionError, JSON.parse(text(r)).errorType], ["Unhandled", "ValueError"]);
  assert.equal((await client.invoke({ ...one, InvocationType: "DryRun" })).StatusCode, 204);
  assert.equal((await client.invoke({ ...one, InvocationType: "Event" })).StatusCode, 202);
  await refused(sdk.InvalidRequestContentException, client.invoke({ ...one, Payload: "{" }));
}

async function permissions() {
  await client.tagResource({ Resource: arn, Tags: { x: "y" } });
  await client.untagResource({ Resource: arn, TagKeys: ["team"] });
  assert.deepEqual((await client.listTags({ Resource: arn })).Tags, { x: "y" });

  const permission = { ...one, StatementId: "events", Action: "lambda:InvokeFunction", Principal: "events.amazonaws.com" };
  await client.addPermission(permission);
  await refused(sdk.ResourceConflictException, client.addPermission(permission));
  const { Statement } = JSON.parse((await client.getPolicy(one)).Policy);
  assert.deepEqual([Statement.length, Statement[0].Principal], [1, { Service: "events.amazonaws.com" }]);
  await client.removePermission({ ...one, StatementId: "events" });
  await refused(sdk.ResourceNotFoundException, client.getPolicy(one));
}

async function limits() {
  await client.putFunctionConcurrency({ ...one, ReservedConcurrentExecutions: 0 });
  assert.equal((await client.getFunctionConcurrency(one)).ReservedConcurrentExecutions, 0);
  const error = await refused(sdk.TooManyRequestsException, client.invoke(one));
  assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
  await client.deleteFunctionConcurrency(one);
  assert.equal((await client.getAccountSettings({})).AccountUsage.FunctionCount, 2);
}

async function eventInvokeConfigs() {
  const Destination = `arn:aws:sqs:${region}:${account}:ended`;
  await client.putFunctionEventInvokeConfig({ ...one, MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination } } });
  await client.updateFunctionEventInvokeConfig({ ...one, MaximumEventAgeInSeconds: 60 });
  const got = await client.getFunctionEventInvokeConfig(one);
  assert.deepEqual([got.MaximumRetryAttempts, got.MaximumEventAgeInSeconds, got.DestinationConfig.OnFailure], [0, 60, { Destination }]);
  assert.ok(got.LastModified instanceof Date && Math.abs(got.LastModified - Date.now()) < 600_000, `modified ${got.LastModified}`);
  assert.equal((await all(sdk.paginateListFunctionEventInvokeConfigs, client, "FunctionEventInvokeConfigs", 50, one)).length, 1);
  await client.deleteFunctionEventInvokeConfig(one);
  await refused(sdk.ResourceNotFoundException, client.getFunctionEventInvokeConfig(one));
  await refused(sdk.InvalidParameterValueException, client.putFunctionEventInvokeConfig(one));
}

async function versions() {
  for (const version of ["1", "2"]) {
    await client.updateFunctionConfiguration({ ...one, Description: `v${version}` });
    assert.equal((await client.publishVersion(one)).Version, version);
    await sdk.waitUntilPublishedVersionActive({ client, maxWaitTime: 60 }, { ...one, Qualifier: version });
  }
  await refused(sdk.PreconditionFailedException, client.publishVersion({ ...one, RevisionId: "old" }));
  const listed = await all(sdk.paginateListVersionsByFunction, client, "Versions", 1, one);
  assert.deepEqual(listed.map((f) => f.Version), ["$LATEST", "1", "2"]);

  const live = { ...one, Name: "live" };
  await client.createAlias({ ...live, FunctionVersion: "1" });
  await refused(sdk.ResourceConflictException, client.createAlias({ ...live, FunctionVersion: "1" }));
  const RoutingConfig = { AdditionalVersionWeights: { 2: 1 } };
  await client.updateAlias({ ...live, RoutingConfig });
  assert.deepEqual((await client.getAlias(live)).RoutingConfig, RoutingConfig);
  assert.deepEqual((await all(sdk.paginateListAliases, client, "Aliases", 1, one)).map((a) => a.Name), ["live"]);
  assert.equal((await client.invoke({ ...one, Qualifier: "live" })).ExecutedVersion, "2");
  await refused(sdk.ResourceConflictException, client.deleteFunction({ ...one, Qualifier: "2" }));
  await client.deleteAlias(live);
  await refused(sdk.ResourceNotFoundException, client.getAlias(live));
  await client.deleteFunction({ ...one, Qualifier: "2" });

  assert.equal((await client.getRuntimeManagementConfig(one)).UpdateRuntimeOn, "Auto");
  assert.equal((await client.getFunctionRecursionConfig(one)).RecursiveLoop, "Terminate");
  await refused(sdk.ProvisionedConcurrencyConfigNotFoundException, client.getProvisionedConcurrencyConfig({ ...one, Qualifier: "1" }));
  assert.equal((await client.putRuntimeManagementConfig({ ...one, UpdateRuntimeOn: "Auto" })).UpdateRuntimeOn, "Auto");
  await refused(sdk.InvalidParameterValueException, client.putRuntimeManagementConfig({ ...one, UpdateRuntimeOn: "FunctionUpdate" }));
  await refused(sdk.InvalidParameterValueException, client.putProvisionedConcurrencyConfig({ ...one, Qualifier: "1", ProvisionedConcurrentExecutions: 1 }));
  assert.deepEqual((await client.listProvisionedConcurrencyConfigs(one)).ProvisionedConcurrencyConfigs, []);
  await client.deleteProvisionedConcurrencyConfig({ ...one, Qualifier: "1" });
  await refused(sdk.InvalidParameterValueException, client.invokeWithResponseStream(one));
}

await functions();
await invocations();
await permissions();
await limits();
await eventInvokeConfigs();
await versions();
await layers(client, create);
for (const FunctionName of ["one", "two"]) await client.deleteFunction({ FunctionName });
await refused(sdk.ResourceNotFoundException, client.getFunction(one));
