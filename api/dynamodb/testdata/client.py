"""Drives a server with boto3 as users do: client.py ENDPOINT. Ends with 0 when all is true."""

import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

ARGS = dict(endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
client = boto3.client("dynamodb", **ARGS)
tables = boto3.resource("dynamodb", **ARGS)


def equal(got, want):
    assert got == want, f"\ngot  {got}\nwant {want}"


def fails(code, message, call, **kwargs):
    try:
        call(**kwargs)
    except ClientError as e:
        equal(e.response["Error"]["Code"], code)
        assert message in e.response["Error"]["Message"], e.response["Error"]["Message"]
        return e.response
    raise AssertionError(f"{call} succeeded with {kwargs}")


def hashed(name, **more):
    return dict(
        TableName=name,
        KeySchema=[{"AttributeName": "task_key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "task_key", "AttributeType": "S"}],
        **more,
    )


def terraform():
    """The calls of an aws_dynamodb_table: create, read, change, delete."""
    got = client.create_table(**hashed("tfm", BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}, Tags=[{"Key": "team", "Value": "a"}]))
    equal(got["TableDescription"]["TableStatus"], "CREATING")
    table = client.describe_table(TableName="tfm")["Table"]
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tfm"
    for name, want in {
        "TableStatus": "ACTIVE", "TableArn": arn, "TableName": "tfm", "ItemCount": 0, "TableSizeBytes": 0,
        "KeySchema": [{"AttributeName": "task_key", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "task_key", "AttributeType": "S"}],
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
    }.items():
        equal(table[name], want)
    equal(len(table["TableId"]), 36)
    equal(client.describe_table(TableName=arn)["Table"]["TableName"], "tfm")
    backups = client.describe_continuous_backups(TableName="tfm")["ContinuousBackupsDescription"]
    equal(backups["ContinuousBackupsStatus"], "DISABLED")
    equal(client.describe_time_to_live(TableName="tfm")["TimeToLiveDescription"], {"TimeToLiveStatus": "DISABLED"})
    equal(client.list_tags_of_resource(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "a"}])

    client.update_table(TableName="tfm", BillingMode="PAY_PER_REQUEST")
    equal(client.describe_table(TableName="tfm")["Table"]["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST")
    spec = {"Enabled": True, "AttributeName": "expires"}
    equal(client.update_time_to_live(TableName="tfm", TimeToLiveSpecification=spec)["TimeToLiveSpecification"], spec)
    ttl = client.describe_time_to_live(TableName="tfm")["TimeToLiveDescription"]
    equal(ttl["AttributeName"], "expires")
    assert ttl["TimeToLiveStatus"] in ("ENABLING", "ENABLED")
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "env", "Value": "b"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    equal(client.list_tags_of_resource(ResourceArn=arn)["Tags"], [{"Key": "env", "Value": "b"}])

    fails("ResourceInUseException", "Table already exists: tfm", client.create_table, **hashed("tfm", BillingMode="PAY_PER_REQUEST"))
    equal(client.delete_table(TableName="tfm")["TableDescription"]["TableStatus"], "DELETING")
    client.get_waiter("table_not_exists").wait(TableName="tfm")
    fails("ResourceNotFoundException", "Requested resource not found: Table: tfm not found", client.describe_table, TableName="tfm")
    fails("TableNotFoundException", "Table not found: tfm", client.describe_continuous_backups, TableName="tfm")


def refusals():
    index = [{"IndexName": "idx", "KeySchema": [{"AttributeName": "task_key", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}]
    fails("ValidationException", "GlobalSecondaryIndexes is not supported: ", client.create_table, **hashed("abc", BillingMode="PAY_PER_REQUEST", GlobalSecondaryIndexes=index))
    fails("ValidationException", "StreamSpecification is not supported: ", client.create_table, **hashed("abc", BillingMode="PAY_PER_REQUEST", StreamSpecification={"StreamEnabled": True}))
    fails("ValidationException", "TableName must be at least 3", client.create_table, **hashed("ab", BillingMode="PAY_PER_REQUEST"))
    fails("AccessDeniedException", "another account", client.describe_table, TableName="arn:aws:dynamodb:us-east-1:111111111111:table/abc")
    key = {"task_key": {"S": "a"}}
    fails("ValidationException", "Expected is not supported: it is a legacy parameter; use ConditionExpression", client.put_item, TableName="locks", Item=key, Expected={"a": {"Exists": False}})
    fails("ValidationException", "AttributeUpdates is not supported", client.update_item, TableName="locks", Key=key, AttributeUpdates={"a": {"Value": {"S": "b"}}})
    fails("ValidationException", "The table does not have the specified index: idx", client.scan, TableName="locks", IndexName="idx")
    fails("ResourceNotFoundException", "Requested resource not found", client.get_item, TableName="nope", Key=key)
    fails("ValidationException", "Supplied AttributeValue is empty", client.put_item, TableName="locks", Item={"task_key": {}})


def items():
    client.create_table(**hashed("locks", BillingMode="PAY_PER_REQUEST"))
    client.get_waiter("table_exists").wait(TableName="locks")
    locks = tables.Table("locks")
    item = {
        "task_key": "a", "int": 7, "ratio": Decimal("1.5"), "big": Decimal("12345678901234567890.123456789012345678"), "bin": Binary(b"\x00\xff"), "yes": True, "nothing": None,
        "list": [1, "x", {"y": [b"z"]}], "map": {"a": {"b": 1}}, "ss": {"b", "a"}, "ns": {1, Decimal("2.5")}, "bs": {Binary(b"1"), Binary(b"\xff")}, "empty": "", "nolist": [], "nomap": {},
    }
    item["list"][2]["y"] = [Binary(b"z")]
    equal(locks.put_item(Item=item, ConditionExpression="attribute_not_exists(task_key)").get("Attributes"), None)
    equal(locks.get_item(Key={"task_key": "a"}, ConsistentRead=True)["Item"], item)
    fails("ConditionalCheckFailedException", "The conditional request failed", locks.put_item, Item=item, ConditionExpression=Attr("task_key").not_exists() | Attr("int").lt(7))
    equal("Item" in locks.get_item(Key={"task_key": "nothing"}), False)
    equal(locks.get_item(Key={"task_key": "a"}, ProjectionExpression="#m.a, #l[2]", ExpressionAttributeNames={"#m": "map", "#l": "list"})["Item"], {"map": {"a": {"b": 1}}, "list": [{"y": [Binary(b"z")]}]})
    got = locks.update_item(Key={"task_key": "a"}, UpdateExpression="SET #i = #i + :one REMOVE ratio ADD ss :s", ExpressionAttributeNames={"#i": "int"}, ExpressionAttributeValues={":one": 1, ":s": {"c"}}, ReturnValues="UPDATED_NEW")
    equal(got["Attributes"], {"int": 8, "ss": {"a", "b", "c"}})
    equal(locks.put_item(Item={"task_key": "b", "int": 1}, ReturnValues="ALL_OLD").get("Attributes"), None)
    equal(locks.put_item(Item={"task_key": "b", "int": 2}, ReturnValues="ALL_OLD")["Attributes"], {"task_key": "b", "int": 1})
    equal(locks.delete_item(Key={"task_key": "b"}, ReturnValues="ALL_OLD", ConditionExpression=Attr("int").eq(2))["Attributes"], {"task_key": "b", "int": 2})
    equal(locks.delete_item(Key={"task_key": "b"})["ResponseMetadata"]["HTTPStatusCode"], 200)
    fails("ValidationException", "ReturnValues can only be ALL_OLD or NONE", locks.put_item, Item=item, ReturnValues="ALL_NEW")
    used = locks.put_item(Item={"task_key": "c", "v": "x" * 1500}, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    equal(used, {"TableName": "locks", "CapacityUnits": 2.0})


def many():
    client.create_table(
        TableName="events", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "nr", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "day", "AttributeType": "S"}, {"AttributeName": "nr", "AttributeType": "N"}],
    )
    events = tables.Table("events")
    with events.batch_writer() as batch:
        for i in range(-30, 30):
            batch.put_item(Item={"day": "mon", "nr": i, "even": i % 2 == 0})
    got = events.query(KeyConditionExpression=Key("day").eq("mon") & Key("nr").between(-2, 3), FilterExpression=Attr("even").eq(True), ScanIndexForward=False)
    equal([i["nr"] for i in got["Items"]], [2, 0, -2])
    equal((got["Count"], got["ScannedCount"]), (3, 6))
    pages = list(client.get_paginator("query").paginate(TableName="events", KeyConditionExpression="#d = :d", ExpressionAttributeNames={"#d": "day"}, ExpressionAttributeValues={":d": {"S": "mon"}}, PaginationConfig={"PageSize": 25}))
    equal([len(p["Items"]) for p in pages], [25, 25, 10])
    equal([int(i["nr"]["N"]) for p in pages for i in p["Items"]], list(range(-30, 30)))
    equal(events.scan(Select="COUNT")["Count"], 60)
    fails("ValidationException", "Query condition missed key schema element: day", events.query, KeyConditionExpression=Key("nr").eq(1))

    keys = [{"day": {"S": "mon"}, "nr": {"N": str(i)}} for i in (1, 2, 99)]
    got = client.batch_get_item(RequestItems={"events": {"Keys": keys, "ProjectionExpression": "nr"}})
    equal(sorted(i["nr"]["N"] for i in got["Responses"]["events"]), ["1", "2"])
    equal(got["UnprocessedKeys"], {})
    fails("ValidationException", "Provided list of item keys contains duplicates", client.batch_get_item, RequestItems={"events": {"Keys": [keys[0], keys[0]]}})
    got = client.batch_write_item(RequestItems={"events": [{"DeleteRequest": {"Key": keys[0]}}], "locks": [{"PutRequest": {"Item": {"task_key": {"S": "batch"}}}}]})
    equal(got["UnprocessedItems"], {})


def transactions():
    put = {"Put": {"TableName": "locks", "Item": {"task_key": {"S": "t"}}, "ConditionExpression": "attribute_not_exists(task_key)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    check = {"ConditionCheck": {"TableName": "events", "Key": {"day": {"S": "mon"}, "nr": {"N": "2"}}, "ConditionExpression": "attribute_exists(nr)"}}
    client.transact_write_items(TransactItems=[put, check], ClientRequestToken="one")
    client.transact_write_items(TransactItems=[put, check], ClientRequestToken="one")
    fails("IdempotentParameterMismatchException", "", client.transact_write_items, TransactItems=[put], ClientRequestToken="one")
    got = fails("TransactionCanceledException", "[None, ConditionalCheckFailed]", client.transact_write_items, TransactItems=[check, put])
    equal(got["CancellationReasons"][0]["Code"], "None")
    reason = got["CancellationReasons"][1]
    equal((reason["Code"], reason["Message"], reason["Item"]), ("ConditionalCheckFailed", "The conditional request failed", {"task_key": {"S": "t"}}))
    got = client.transact_get_items(TransactItems=[{"Get": {"TableName": "locks", "Key": {"task_key": {"S": k}}}} for k in ("t", "none")])
    equal(got["Responses"], [{"Item": {"task_key": {"S": "t"}}}, {}])


terraform()
items()
many()
transactions()
refusals()
client.create_table(**hashed("another", BillingMode="PAY_PER_REQUEST"))
listed = client.list_tables(Limit=2)
equal((listed["TableNames"], listed["LastEvaluatedTableName"]), (["another", "events"], "events"))
equal(client.list_tables(ExclusiveStartTableName="events")["TableNames"], ["locks"])
