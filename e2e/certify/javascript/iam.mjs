// IAM and STS with the AWS SDK for JavaScript v3. Roles belong to the account,
// whatever the region, so that the names are this client's own.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import { account, refused } from "./certify.mjs";

const client = new sdk.IAM({ maxAttempts: 1 });
const sts = new STS({ maxAttempts: 1 });
const RoleName = "js-role";
const RoleArn = `arn:aws:iam::${account}:role/${RoleName}`;
const PolicyArn = `arn:aws:iam::${account}:policy/js-policy`;
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "sts:AssumeRole" }],
});
const allow = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: "*" }] });

// each reads a list with the SDK's paginator.
async function each(paginate, key, input = {}) {
  const found = [];
  for await (const page of paginate({ client, pageSize: 1 }, input)) found.push(...page[key]);
  return found;
}

async function roles() {
  const made = (await client.createRole({ RoleName, AssumeRolePolicyDocument: trust, Tags: [{ Key: "team", Value: "a" }] })).Role;
  assert.deepEqual([made.Arn, decodeURIComponent(made.AssumeRolePolicyDocument)], [RoleArn, trust]);
  await client.updateRole({ RoleName, MaxSessionDuration: 7200 });
  await client.updateRoleDescription({ RoleName, Description: "f" });
  await client.updateAssumeRolePolicy({ RoleName, PolicyDocument: trust });
  const got = (await client.getRole({ RoleName })).Role;
  assert.deepEqual([got.MaxSessionDuration, got.Description], [7200, "f"]);
  assert.ok(got.CreateDate instanceof Date);
  assert.ok((await each(sdk.paginateListRoles, "Roles")).some((r) => r.RoleName === RoleName));
  await client.tagRole({ RoleName, Tags: [{ Key: "x", Value: "y" }] });
  await client.untagRole({ RoleName, TagKeys: ["team"] });
  assert.deepEqual((await client.listRoleTags({ RoleName })).Tags, [{ Key: "x", Value: "y" }]);
  await refused(sdk.EntityAlreadyExistsException, client.createRole({ RoleName, AssumeRolePolicyDocument: trust }));
  await refused(sdk.MalformedPolicyDocumentException, client.createRole({ RoleName: "js-bad", AssumeRolePolicyDocument: "{" }));
}

async function policies() {
  await client.putRolePolicy({ RoleName, PolicyName: "inline", PolicyDocument: allow });
  assert.equal(decodeURIComponent((await client.getRolePolicy({ RoleName, PolicyName: "inline" })).PolicyDocument), allow);
  assert.deepEqual(await each(sdk.paginateListRolePolicies, "PolicyNames", { RoleName }), ["inline"]);
  await client.createPolicy({ PolicyName: "js-policy", PolicyDocument: allow });
  const VersionId = (await client.getPolicy({ PolicyArn })).Policy.DefaultVersionId;
  assert.equal(decodeURIComponent((await client.getPolicyVersion({ PolicyArn, VersionId })).PolicyVersion.Document), allow);
  assert.equal((await each(sdk.paginateListPolicyVersions, "Versions", { PolicyArn })).length, 1);
  await client.attachRolePolicy({ RoleName, PolicyArn });
  assert.deepEqual((await each(sdk.paginateListAttachedRolePolicies, "AttachedPolicies", { RoleName })).map((p) => p.PolicyArn), [PolicyArn]);
  assert.deepEqual(await each(sdk.paginateListInstanceProfilesForRole, "InstanceProfiles", { RoleName }), []);
  await refused(sdk.DeleteConflictException, client.deleteRole({ RoleName }));
}

await roles();
await policies();
assert.equal((await sts.getCallerIdentity({})).Account, account);
const session = await sts.assumeRole({ RoleArn, RoleSessionName: "js" });
assert.match(session.Credentials.AccessKeyId, /^ASIA/);
assert.ok(session.Credentials.Expiration > new Date());
await client.detachRolePolicy({ RoleName, PolicyArn });
await client.deleteRolePolicy({ RoleName, PolicyName: "inline" });
await client.deletePolicy({ PolicyArn });
await client.deleteRole({ RoleName });
await refused(sdk.NoSuchEntityException, client.getRole({ RoleName }));
