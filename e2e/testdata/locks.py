"""Fifty clients ask for one lock at once: exactly one gets it."""

import os
import threading
import time

import boto3

from belfry import client, refused, same

CLIENTS, ROUNDS = 50, 3

dynamodb = client("dynamodb")
dynamodb.create_table(
    TableName="locks",
    KeySchema=[{"AttributeName": "task_key", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "task_key", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
dynamodb.get_waiter("table_exists").wait(TableName="locks")


class Round:
    """All threads of a round start at once; each notes down whether it won."""

    def __init__(self, item, condition, **values):
        self.item, self.condition, self.values = item, condition, values
        self.start, self.won, self.errors = threading.Barrier(CLIENTS), [], []

    def run(self):
        threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        same(self.errors, [])
        same(len(self.won), 1)
        return self.won[0]

    def ask(self, i):
        table = resources[i].Table("locks")
        self.start.wait()
        try:
            table.put_item(Item={**self.item, "owner": i}, ConditionExpression=self.condition, **self.values)
            self.won.append(i)
        except table.meta.client.exceptions.ConditionalCheckFailedException:
            pass
        except Exception as e:  # another answer is a failure of the test
            self.errors.append(e)


# A resource is not for several threads, so each has its own; the session, which
# is slow to make, is used by this thread alone.
endpoint = os.environ.get("BELFRY_TEST_ENDPOINT")
session = boto3.session.Session()
resources = [session.resource("dynamodb", endpoint_url=endpoint) for _ in range(CLIENTS)]
table = resources[0].Table("locks")

for n in range(ROUNDS):
    winner = Round({"task_key": f"report-{n}"}, "attribute_not_exists(task_key)").run()
    same(table.get_item(Key={"task_key": f"report-{n}"})["Item"]["owner"], winner)

# A lock whose time is over is taken by exactly one too: by the condition, and
# once the table has a time to live, also by its not being there.
now = int(time.time())
over = dict(ExpressionAttributeValues={":now": now})
for n in range(ROUNDS):
    table.put_item(Item={"task_key": f"old-{n}", "expires": now - 10})
    Round({"task_key": f"old-{n}", "expires": now + 3600}, "attribute_not_exists(task_key) OR expires < :now", **over).run()
dynamodb.update_time_to_live(TableName="locks", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
table.put_item(Item={"task_key": "expired", "expires": now - 10})
same("Item" in table.get_item(Key={"task_key": "expired"}), False)
Round({"task_key": "expired", "expires": now + 3600}, "attribute_not_exists(task_key)").run()
message = refused("ConditionalCheckFailedException", dynamodb.put_item, TableName="locks", Item={"task_key": {"S": "expired"}}, ConditionExpression="attribute_not_exists(task_key)")
same(message, "The conditional request failed")

# The condition of the idempotency layer of Powertools for AWS Lambda.
powertools = dict(
    ConditionExpression="attribute_not_exists(#id) OR #expiry < :now OR "
    "(#status = :inprogress AND attribute_exists(#in_progress_expiry) AND #in_progress_expiry < :now_in_millis)",
    ExpressionAttributeNames={"#id": "task_key", "#expiry": "expiration", "#in_progress_expiry": "in_progress_expiration", "#status": "status"},
    ExpressionAttributeValues={":now": {"N": str(now)}, ":inprogress": {"S": "INPROGRESS"}, ":now_in_millis": {"N": str(now * 1000)}},
)


def begin(in_progress_until):
    item = {"task_key": {"S": "idem"}, "expiration": {"N": str(now + 3600)}, "status": {"S": "INPROGRESS"}, "in_progress_expiration": {"N": str(in_progress_until)}}
    dynamodb.put_item(TableName="locks", Item=item, **powertools)


begin(now * 1000 - 1)  # its time as one in progress is over already,
begin(now * 1000 + 60_000)  # so another may begin,
refused("ConditionalCheckFailedException", begin, in_progress_until=0)  # and no third
dynamodb.update_item(
    TableName="locks", Key={"task_key": {"S": "idem"}},
    UpdateExpression="SET #data = :data, #expiry = :expiry, #status = :status",
    ExpressionAttributeNames={"#data": "data", "#expiry": "expiration", "#status": "status"},
    ExpressionAttributeValues={":data": {"S": "{}"}, ":expiry": {"N": str(now + 3600)}, ":status": {"S": "COMPLETED"}},
)
refused("ConditionalCheckFailedException", begin, in_progress_until=0)
