// Layers with the AWS SDK for JavaScript v3: a part of the program for Lambda.

import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-lambda";
import { account, all, refused, region, zipped } from "./certify.mjs";

const layer = `arn:aws:lambda:${region}:${account}:layer:dep`;
const code = "import dep\ndef handler(event, context):\n    return dep.VALUE\n";

export async function layers(client, create) {
  const answer = async () => JSON.parse(Buffer.from((await client.invoke({ FunctionName: "layered" })).Payload).toString());
  const publish = (version, more) =>
    client.publishLayerVersion({ LayerName: "dep", Content: { ZipFile: zipped(`VALUE = ${version}`, "python/dep.py") }, ...more });
  assert.equal((await publish(1, { LicenseInfo: "MIT", CompatibleRuntimes: ["nodejs20.x"] })).LayerVersionArn, `${layer}:1`);
  assert.equal((await publish(2)).Version, 2);
  await refused(sdk.InvalidParameterValueException, client.publishLayerVersion({ LayerName: "dep", Content: { ZipFile: Buffer.from("no zip") } }));
  const first = { LayerName: "dep", VersionNumber: 1 };
  assert.equal((await client.getLayerVersion(first)).LicenseInfo, "MIT");
  assert.equal((await client.getLayerVersionByArn({ Arn: `${layer}:1` })).Version, 1);
  const versions = await all(sdk.paginateListLayerVersions, client, "LayerVersions", 1, { LayerName: "dep" });
  assert.deepEqual(versions.map((v) => v.Version), [2, 1]);
  const found = await all(sdk.paginateListLayers, client, "Layers", 50, { CompatibleRuntime: "nodejs20.x" });
  assert.deepEqual(found.map((l) => [l.LayerName, l.LatestMatchingVersion.Version]), [["dep", 1]]);

  const made = await create("layered", { Layers: [`${layer}:1`], Code: { ZipFile: zipped(code) } });
  assert.deepEqual(made.Layers.map((l) => l.Arn), [`${layer}:1`]);
  await client.deleteLayerVersion(first);
  await refused(sdk.ResourceNotFoundException, client.getLayerVersion(first));
  assert.equal(await answer(), 1);
  await refused(sdk.InvalidParameterValueException, client.updateFunctionConfiguration({ FunctionName: "layered", Layers: [`${layer}:1`] }));
  await client.updateFunctionConfiguration({ FunctionName: "layered", Layers: [`${layer}:2`] });
  assert.equal(await answer(), 2);
  await client.deleteFunction({ FunctionName: "layered" });

  const second = { LayerName: "dep", VersionNumber: 2 };
  const permission = { ...second, StatementId: "s", Action: "lambda:GetLayerVersion", Principal: "*" };
  await client.addLayerVersionPermission(permission);
  await refused(sdk.ResourceConflictException, client.addLayerVersionPermission(permission));
  assert.equal(JSON.parse((await client.getLayerVersionPolicy(second)).Policy).Statement.length, 1);
  await client.removeLayerVersionPermission({ ...second, StatementId: "s" });
  await refused(sdk.ResourceNotFoundException, client.getLayerVersionPolicy(second));
  await client.deleteLayerVersion(second);
}
