// Handlers as people write them for Lambda, with the AWS SDK and Powertools from
// npm, unchanged.

import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { DynamoDBPersistenceLayer } from "@aws-lambda-powertools/idempotency/dynamodb";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const once = { maxAttempts: 1 };
const sqs = new SQSClient(once);
const lambda = new LambdaClient(once);
const db = new DynamoDBClient(once);

// The SDK sends to the host of a queue's URL: that is for the function's own
// network when the function has asked for it.
const sendTo = async (queue, body) => {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
};

const persistenceStore = new DynamoDBPersistenceLayer({ tableName: "idempotency" });
const config = new IdempotencyConfig({ eventKeyJmesPath: "invoice", expiresAfterSeconds: 3600 });

// pay sends one message for each invoice, however often it is called.
export const pay = makeIdempotent(
  async ({ invoice, queue }) => {
    await sendTo(queue, `paid ${invoice}`);
    return { paid: invoice, amount: 12.5 };
  },
  { persistenceStore, config },
);

// call does what its role may or may not: the name of the error is the answer.
export const call = async ({ service, target }) => {
  try {
    switch (service) {
      case "sqs":
        return await sendTo(target, "called").then(() => "done");
      case "dynamodb":
        return await db.send(new PutItemCommand({ TableName: target, Item: { id: { S: "called" } } })).then(() => "done");
      case "lambda":
        return await lambda.send(new InvokeCommand({ FunctionName: target, Payload: '{"invoice": "none"}' })).then((r) => r.StatusCode);
    }
  } catch (e) {
    return e.name;
  }
};
