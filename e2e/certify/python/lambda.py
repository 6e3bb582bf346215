"""Lambda with boto3."""

import base64
import json

from certify import ACCOUNT, HANDLER, REGION, client, pages, refused, same, zipped
from layers import layers

c = client("lambda")
errors = c.exceptions
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"


def create(name, **more):
    arguments = {
        "FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Timeout": 30,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/function", "Code": {"ZipFile": zipped()}, "Tags": {"team": "a"},
    }
    return c.create_function(**{**arguments, **more})


def functions():
    for name in ("one", "two", "three"):
        made = create(name)
        same((made["State"], made["FunctionArn"], made["Version"]), ("Pending", ARN + name, "$LATEST"))
        c.get_waiter("function_active").wait(FunctionName=name)
    same(sorted(f["FunctionName"] for f in pages(c, "list_functions", "Functions", 2)), ["one", "three", "two"])
    same([f["Version"] for f in pages(c, "list_versions_by_function", "Versions", 50, FunctionName="one")], ["$LATEST"])
    before = c.get_function(FunctionName="one")
    same(before["Tags"], {"team": "a"})
    c.update_function_code(FunctionName="one", ZipFile=zipped(HANDLER + "\n"))
    c.update_function_configuration(FunctionName="one", Timeout=29, Environment={"Variables": {"KEY": "v"}})
    c.get_waiter("function_updated").wait(FunctionName="one")
    after = c.get_function_configuration(FunctionName="one")
    same((after["Timeout"], after["Environment"], after["MemorySize"]), (29, {"Variables": {"KEY": "v"}}, 128))
    assert after["CodeSha256"] != before["Configuration"]["CodeSha256"], after
    same(c.get_function_code_signing_config(FunctionName="one")["FunctionName"], "one")
    refused(errors.ResourceConflictException, create, name="one")
    refused(errors.InvalidParameterValueException, create, name="bad", Runtime="cobol85")
    refused(errors.InvalidParameterValueException, create, name="bad", Code={"ZipFile": b"no zip"})
    refused(errors.InvalidParameterValueException, create, name="bad", Layers=[f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:l:1"])
    refused(errors.PreconditionFailedException, c.update_function_configuration, FunctionName="one", RevisionId="old")
    refused(errors.ResourceNotFoundException, c.get_function, FunctionName="one", Qualifier="7")


def invocations():
    r = c.invoke(FunctionName="one", Payload=json.dumps({"a": "ü"}), LogType="Tail")
    same((r["StatusCode"], json.load(r["Payload"]), r["ExecutedVersion"]), (200, {"a": "ü"}, "$LATEST"))
    assert b"seen by" in base64.b64decode(r["LogResult"]), r["LogResult"]
    r = c.invoke(FunctionName=ARN + "one", Payload=b'{"fail": "as asked"}')
    failure = json.load(r["Payload"])
    same((r["FunctionError"], failure["errorType"], failure["errorMessage"]), ("Unhandled", "ValueError", "as asked"))
    same(c.invoke(FunctionName="one", InvocationType="DryRun")["StatusCode"], 204)
    same(c.invoke(FunctionName="one", InvocationType="Event")["StatusCode"], 202)
    refused(errors.InvalidRequestContentException, c.invoke, FunctionName="one", Payload=b"{")
    refused(errors.ResourceNotFoundException, c.invoke, FunctionName="absent")


def tags():
    c.tag_resource(Resource=ARN + "one", Tags={"x": "y"})
    c.untag_resource(Resource=ARN + "one", TagKeys=["team"])
    same(c.list_tags(Resource=ARN + "one")["Tags"], {"x": "y"})


def permissions():
    add = {"FunctionName": "one", "StatementId": "events", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
           "SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"}
    statement = json.loads(c.add_permission(**add)["Statement"])
    same(statement, {
        "Sid": "events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction",
        "Resource": ARN + "one", "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"}},
    })
    refused(errors.ResourceConflictException, c.add_permission, **add)
    policy = c.get_policy(FunctionName="one")
    same(json.loads(policy["Policy"]), {"Version": "2012-10-17", "Id": "default", "Statement": [statement]})
    refused(errors.PreconditionFailedException, c.remove_permission, FunctionName="one", StatementId="events", RevisionId="old")
    c.remove_permission(FunctionName="one", StatementId="events", RevisionId=policy["RevisionId"])
    refused(errors.ResourceNotFoundException, c.get_policy, FunctionName="one")
    refused(errors.ResourceNotFoundException, c.remove_permission, FunctionName="one", StatementId="events")


def concurrency():
    same(c.put_function_concurrency(FunctionName="one", ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
    same(c.get_function_concurrency(FunctionName="one")["ReservedConcurrentExecutions"], 0)
    same(c.get_function(FunctionName="one")["Concurrency"], {"ReservedConcurrentExecutions": 0})
    r = refused(errors.TooManyRequestsException, c.invoke, FunctionName="one")
    same(r["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
    refused(errors.InvalidParameterValueException, c.put_function_concurrency, FunctionName="one", ReservedConcurrentExecutions=901)
    c.delete_function_concurrency(FunctionName="one")
    same("ReservedConcurrentExecutions" in c.get_function_concurrency(FunctionName="one"), False)
    same(c.get_account_settings()["AccountUsage"]["FunctionCount"], 3)


def event_invoke_configs():
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ended"
    c.put_function_event_invoke_config(FunctionName="one", MaximumRetryAttempts=1, DestinationConfig={"OnSuccess": {"Destination": queue}})
    got = c.update_function_event_invoke_config(FunctionName="one", MaximumEventAgeInSeconds=60)
    same((got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"], got["FunctionArn"]), (1, 60, ARN + "one:$LATEST"))
    same(got["DestinationConfig"], {"OnSuccess": {"Destination": queue}, "OnFailure": {}})
    same(c.get_function_event_invoke_config(FunctionName="one")["LastModified"], got["LastModified"])
    got = pages(c, "list_function_event_invoke_configs", "FunctionEventInvokeConfigs", 1, FunctionName="one")
    same(len(got), 1)
    c.delete_function_event_invoke_config(FunctionName="one")
    refused(errors.ResourceNotFoundException, c.get_function_event_invoke_config, FunctionName="one")
    refused(errors.InvalidParameterValueException, c.put_function_event_invoke_config, FunctionName="one")
    refused(errors.InvalidParameterValueException, c.put_function_event_invoke_config, FunctionName="one",
            DestinationConfig={"OnFailure": {"Destination": ARN + "one"}})



def versions():
    for version in ("1", "2"):
        c.update_function_configuration(FunctionName="one", Description="v" + version)
        published = c.publish_version(FunctionName="one")
        same((published["Version"], published["FunctionArn"]), (version, ARN + "one:" + version))
        c.get_waiter("published_version_active").wait(FunctionName="one", Qualifier=version)
    same(c.publish_version(FunctionName="one")["Version"], "2")
    refused(errors.PreconditionFailedException, c.publish_version, FunctionName="one", RevisionId="old")
    refused(errors.InvalidParameterValueException, c.publish_version, FunctionName="one", CodeSha256="other")
    listed = pages(c, "list_versions_by_function", "Versions", 1, FunctionName="one")
    same([f["Version"] for f in listed], ["$LATEST", "1", "2"])

    alias = {"FunctionName": "one", "Name": "live"}
    made = c.create_alias(FunctionVersion="1", **alias)
    same((made["AliasArn"], made["FunctionVersion"]), (ARN + "one:live", "1"))
    refused(errors.ResourceConflictException, c.create_alias, FunctionVersion="1", **alias)
    refused(errors.ResourceNotFoundException, c.update_alias, FunctionVersion="9", **alias)
    weights = {"AdditionalVersionWeights": {"2": 1.0}}
    same(c.update_alias(RoutingConfig=weights, **alias)["RoutingConfig"], weights)
    same(c.get_alias(**alias)["RoutingConfig"], weights)
    same([a["Name"] for a in pages(c, "list_aliases", "Aliases", 1, FunctionName="one")], ["live"])
    r = c.invoke(FunctionName="one", Qualifier="live", Payload=b"1")
    same((r["ExecutedVersion"], json.load(r["Payload"])), ("2", 1))
    refused(errors.ResourceConflictException, c.delete_function, FunctionName="one", Qualifier="2")
    c.delete_alias(**alias)
    refused(errors.ResourceNotFoundException, c.get_alias, **alias)
    c.delete_function(FunctionName="one", Qualifier="2")
    refused(errors.ResourceNotFoundException, c.get_function, FunctionName="one", Qualifier="2")

    same(c.get_runtime_management_config(FunctionName="one")["UpdateRuntimeOn"], "Auto")
    same(c.get_function_recursion_config(FunctionName="one")["RecursiveLoop"], "Terminate")
    refused(errors.ProvisionedConcurrencyConfigNotFoundException, c.get_provisioned_concurrency_config, FunctionName="one", Qualifier="1")
    same(c.put_runtime_management_config(FunctionName="one", UpdateRuntimeOn="Auto")["UpdateRuntimeOn"], "Auto")
    refused(errors.InvalidParameterValueException, c.put_runtime_management_config, FunctionName="one", UpdateRuntimeOn="FunctionUpdate")
    refused(errors.InvalidParameterValueException, c.put_provisioned_concurrency_config, FunctionName="one", Qualifier="1", ProvisionedConcurrentExecutions=1)
    same(c.list_provisioned_concurrency_configs(FunctionName="one")["ProvisionedConcurrencyConfigs"], [])
    c.delete_provisioned_concurrency_config(FunctionName="one", Qualifier="1")
    refused(errors.InvalidParameterValueException, c.invoke_with_response_stream, FunctionName="one")


functions()
invocations()
tags()
permissions()
concurrency()
event_invoke_configs()
versions()
layers(create)
for name in ("one", "two", "three"):
    c.delete_function(FunctionName=name)
refused(errors.ResourceNotFoundException, c.get_function, FunctionName="one")
