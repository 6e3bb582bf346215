// Powertools for AWS Lambda's idempotency, unchanged: a handler that is made
// idempotent, its table on Belfry. It runs in Node itself, with a context such
// as Lambda gives.

import assert from "node:assert/strict";
import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { DynamoDB } from "@aws-sdk/client-dynamodb";

const db = new DynamoDB({ maxAttempts: 1 });
await db.createTable({
  TableName: "idempotency",
  AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  BillingMode: "PAY_PER_REQUEST",
});
await db.updateTimeToLive({ TableName: "idempotency", TimeToLiveSpecification: { Enabled: true, AttributeName: "expiration" } });

const context = { getRemainingTimeInMillis: () => 30_000, functionName: "invoice", awsRequestId: "r" };
const persistenceStore = new DynamoDBPersistenceLayer({ tableName: "idempotency" });
const idempotent = (handler) =>
  makeIdempotent(handler, { persistenceStore, config: new IdempotencyConfig({ eventKeyJmesPath: "invoice", expiresAfterSeconds: 3600 }) });

// Of 50 calls at once one does the work; a call after it gets the stored answer.
let effects = 0;
const pay = idempotent(async ({ invoice }) => {
  effects++;
  await new Promise((resolve) => setTimeout(resolve, 200));
  return { paid: invoice, amount: 12.5 };
});
const calls = await Promise.allSettled(Array.from({ length: 50 }, () => pay({ invoice: "2026-03" }, context)));
assert.equal(effects, 1);
for (const call of calls) {
  if (call.status === "fulfilled") assert.deepEqual(call.value, { paid: "2026-03", amount: 12.5 });
  else assert.equal(call.reason.name, "IdempotencyAlreadyInProgressError", call.reason.stack);
}
assert.deepEqual(await pay({ invoice: "2026-03" }, context), { paid: "2026-03", amount: 12.5 });
assert.equal(effects, 1);
await pay({ invoice: "2026-04" }, context);
assert.equal(effects, 2);

// A call that failed gives its key back.
let tries = 0;
const fragile = idempotent(async () => {
  if (++tries === 1) throw new Error("no");
  return "done";
});
await assert.rejects(fragile({ invoice: "2026-05" }, context), /no/);
assert.equal(await fragile({ invoice: "2026-05" }, context), "done");
assert.equal(tries, 2);
