"""DynamoDB with boto3: the client, and the resource with its own types."""

import os
import threading

import boto3
from boto3.dynamodb.conditions import Attr, Key
from certify import ACCOUNT, REGION, client, pages, refused, same

c = client("dynamodb")
errors = c.exceptions
KEY = {"AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}]}
PAIR = {
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
}
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/locks"


def tables():
    made = c.create_table(TableName="locks", BillingMode="PAY_PER_REQUEST", Tags=[{"Key": "team", "Value": "a"}], **KEY)
    same(made["TableDescription"]["TableArn"], ARN)
    c.create_table(TableName="pairs", BillingMode="PAY_PER_REQUEST", **PAIR)
    c.get_waiter("table_exists").wait(TableName="locks", WaiterConfig={"Delay": 1})
    same(c.describe_table(TableName="locks")["Table"]["TableStatus"], "ACTIVE")
    same(pages(c, "list_tables", "TableNames", 1), ["locks", "pairs"])
    c.update_table(TableName="locks", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})
    same(c.describe_table(TableName="locks")["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"], 6)
    spec = {"Enabled": True, "AttributeName": "ttl"}
    same(c.update_time_to_live(TableName="locks", TimeToLiveSpecification=spec)["TimeToLiveSpecification"], spec)
    same(c.describe_time_to_live(TableName="locks")["TimeToLiveDescription"]["AttributeName"], "ttl")
    off = {"PointInTimeRecoveryEnabled": False}
    same(c.update_continuous_backups(TableName="locks", PointInTimeRecoverySpecification=off)["ContinuousBackupsDescription"]["ContinuousBackupsStatus"], "DISABLED")
    same(c.describe_continuous_backups(TableName="locks")["ContinuousBackupsDescription"]["ContinuousBackupsStatus"], "DISABLED")
    c.tag_resource(ResourceArn=ARN, Tags=[{"Key": "x", "Value": "y"}])
    c.untag_resource(ResourceArn=ARN, TagKeys=["team"])
    same(c.list_tags_of_resource(ResourceArn=ARN)["Tags"], [{"Key": "x", "Value": "y"}])


def items():
    # The resource checks the types: sets, decimals, bytes.
    table = boto3.resource("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).Table("pairs")
    item = {"k": "a", "n": 1, "set": {"x", "y"}, "bytes": b"\x00\xff", "list": [1, None, True], "map": {"ä": "b"}}
    table.put_item(Item=item)
    got = table.get_item(Key={"k": "a", "n": 1}, ConsistentRead=True)["Item"]
    same((got["set"], bytes(got["bytes"]), got["list"], got["map"]), ({"x", "y"}, b"\x00\xff", [1, None, True], {"ä": "b"}))
    updated = table.update_item(
        Key={"k": "a", "n": 1}, UpdateExpression="SET #l[0] = :two ADD hits :one REMOVE #m",
        ExpressionAttributeNames={"#l": "list", "#m": "map"}, ExpressionAttributeValues={":two": 2, ":one": 1}, ReturnValues="ALL_NEW",
    )["Attributes"]
    same((updated["list"][0], updated["hits"], "map" in updated), (2, 1, False))
    with table.batch_writer() as batch:
        for n in range(2, 30):
            batch.put_item(Item={"k": "a", "n": n, "even": n % 2 == 0})
    with table.batch_writer() as batch:
        batch.delete_item(Key={"k": "a", "n": 29})
    found = table.query(KeyConditionExpression=Key("k").eq("a") & Key("n").between(2, 28), FilterExpression=Attr("even").eq(True), ScanIndexForward=False)
    same((found["Count"], found["ScannedCount"], int(found["Items"][0]["n"])), (14, 27, 28))
    same(len(pages(c, "query", "Items", 5, TableName="pairs", KeyConditionExpression="k = :k", ExpressionAttributeValues={":k": {"S": "a"}})), 28)
    same(len(pages(c, "scan", "Items", 7, TableName="pairs")), 28)
    keys = [{"k": {"S": "a"}, "n": {"N": str(n)}} for n in (1, 2, 99)]
    same(len(c.batch_get_item(RequestItems={"pairs": {"Keys": keys}})["Responses"]["pairs"]), 2)
    got = c.transact_get_items(TransactItems=[{"Get": {"TableName": "pairs", "Key": key}} for key in keys])["Responses"]
    same(["Item" in r for r in got], [True, True, False])
    table.delete_item(Key={"k": "a", "n": 1})
    same("Item" in table.get_item(Key={"k": "a", "n": 1}), False)


def conditions():
    won = []

    def take(me):
        try:
            client("dynamodb").put_item(TableName="locks", Item={"k": {"S": "race"}, "by": {"S": me}}, ConditionExpression="attribute_not_exists(k)")
            won.append(me)
        except errors.ConditionalCheckFailedException:
            pass

    racers = [threading.Thread(target=take, args=(str(i),)) for i in range(16)]
    for r in racers:
        r.start()
    for r in racers:
        r.join()
    same([c.get_item(TableName="locks", Key={"k": {"S": "race"}})["Item"]["by"]["S"]], won)
    r = refused(
        errors.ConditionalCheckFailedException, c.put_item, TableName="locks", Item={"k": {"S": "race"}},
        ConditionExpression="attribute_not_exists(k)", ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    same(r["Item"]["by"]["S"], won[0])
    put = lambda k: {"Put": {"TableName": "locks", "Item": {"k": {"S": k}}, "ConditionExpression": "attribute_not_exists(k)"}}
    c.transact_write_items(TransactItems=[put("t1"), put("t2")], ClientRequestToken="token")
    c.transact_write_items(TransactItems=[put("t1"), put("t2")], ClientRequestToken="token")
    refused(errors.IdempotentParameterMismatchException, c.transact_write_items, TransactItems=[put("t3")], ClientRequestToken="token")
    r = refused(errors.TransactionCanceledException, c.transact_write_items, TransactItems=[put("t4"), put("t1")])
    same([reason["Code"] for reason in r["CancellationReasons"]], ["None", "ConditionalCheckFailed"])
    same("Item" in c.get_item(TableName="locks", Key={"k": {"S": "t4"}}), False)


def refusals():
    refused(errors.ResourceInUseException, c.create_table, TableName="locks", BillingMode="PAY_PER_REQUEST", **KEY)
    refused(errors.ResourceNotFoundException, c.get_item, TableName="absent", Key={"k": {"S": "a"}})
    refused(errors.TableNotFoundException, c.describe_continuous_backups, TableName="absent")
    on = {"PointInTimeRecoveryEnabled": True}
    for call, arguments in (
        (c.update_continuous_backups, {"PointInTimeRecoverySpecification": on}),
        (c.put_item, {"Item": {"k": {"N": "1"}}}),
        (c.scan, {"FilterExpression": "k ="}),
    ):
        same(refused(errors.ClientError, call, TableName="locks", **arguments)["Error"]["Code"], "ValidationException")


tables()
items()
conditions()
refusals()
for name in ("locks", "pairs"):
    c.delete_table(TableName=name)
c.get_waiter("table_not_exists").wait(TableName="locks", WaiterConfig={"Delay": 1})
