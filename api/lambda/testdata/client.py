"""Drives the Lambda API with boto3; every step asserts what it got."""
import base64
import hashlib
import json
import os
import tempfile
import time
import urllib.error
import urllib.request

import boto3

from common import ARN, NOT, PARAM, ROLE, client, create_function, fails, invoke, make_zip

TASKS = make_zip("""
import json, logging, os
log = logging.getLogger()
log.setLevel(logging.INFO)
def handler(event, context):
    log.info("task %s", event["task_type"])
    if event["task_type"] == "note":
        with open(event["path"], "a") as f:
            f.write(context.aws_request_id + "\\n")
    if event["task_type"] == "fail":
        raise RuntimeError("as asked")
    if event["task_type"] == "call":
        import boto3
        return boto3.client("lambda").get_function_configuration(FunctionName="f")["FunctionName"]
    return {"task": event["task_type"], "context": context.client_context and context.client_context.custom}
""")


def create(name, code=TASKS, **more):
    return create_function(name, code, **more)


# Create and read.
made = create("f", Description="d", Tags={"team": "x"}, MemorySize=256, Environment={"Variables": {"KEY": "v"}},
              DeadLetterConfig={"TargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead"}, Publish=False)
assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
expect = dict(
    FunctionName="f", FunctionArn=ARN + "f", Runtime="python3.11", Role=ROLE, Handler="app.handler",
    CodeSize=len(TASKS), Description="d", Timeout=20, MemorySize=256, Version="$LATEST",
    CodeSha256=base64.b64encode(hashlib.sha256(TASKS).digest()).decode(),
    DeadLetterConfig={"TargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
    Environment={"Variables": {"KEY": "v"}}, TracingConfig={"Mode": "PassThrough"}, PackageType="Zip",
    Architectures=["x86_64"], EphemeralStorage={"Size": 512}, SnapStart={"ApplyOn": "None", "OptimizationStatus": "Off"},
    LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
)


def check(got, **more):
    for k, v in dict(expect, **more).items():
        assert got[k] == v, (k, got.get(k), v)


check(made, State="Pending", StateReason="The function is being created.", StateReasonCode="Creating")
assert "LastUpdateStatus" not in made
assert made["RuntimeVersionConfig"]["RuntimeVersionArn"].startswith("arn:aws:lambda:eu-west-1::runtime:")
assert len(made["RevisionId"]) == 36
time.strptime(made["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
client.get_waiter("function_active_v2").wait(FunctionName="f")
got = client.get_function(FunctionName="f")
check(got["Configuration"], State="Active", LastUpdateStatus="Successful", RevisionId=made["RevisionId"])
assert got["Tags"] == {"team": "x"} and got["Code"]["RepositoryType"] == "S3"
assert urllib.request.urlopen(got["Code"]["Location"]).read() == TASKS
try:
    urllib.request.urlopen(got["Code"]["Location"].replace("signature=", "signature=0"))
    raise AssertionError("a wrong signature opened the code")
except urllib.error.HTTPError as e:
    assert e.code == 403, e
for name in ["f", "function:f", "123456789012:function:f", ARN + "f", ARN + "f:$LATEST", "f:$LATEST"]:
    assert client.get_function_configuration(FunctionName=name)["FunctionName"] == "f", name
assert client.get_function_configuration(FunctionName="f", Qualifier="$LATEST")["FunctionArn"] == ARN + "f:$LATEST"
assert client.list_tags(Resource=ARN + "f")["Tags"] == {"team": "x"}
assert client.get_function_code_signing_config(FunctionName="f")["FunctionName"] == "f"
versions = client.list_versions_by_function(FunctionName="f")["Versions"]
assert [v["FunctionArn"] for v in versions] == [ARN + "f:$LATEST"]

# Invoke.
r, result = invoke("f", {"task_type": "a"}, LogType="Tail", ClientContext=base64.b64encode(b'{"custom": {"x": 1}}').decode())
assert (r["StatusCode"], r["ExecutedVersion"], result) == (200, "$LATEST", {"task": "a", "context": {"x": 1}}), (r, result)
log = base64.b64decode(r["LogResult"]).decode()
request_id = r["ResponseMetadata"]["RequestId"]
assert log.startswith("INIT_START Runtime Version: python:3."), log
assert "START RequestId: %s Version: $LATEST\n" % request_id in log and "[INFO]\t" in log and "\ttask a\n" in log, log
assert "\nREPORT RequestId: %s\tDuration: " % request_id in log and "Init Duration: " in log, log
r, result = invoke("f", {"task_type": "fail"})
assert r["StatusCode"] == 200 and r["FunctionError"] == "Unhandled" and "LogResult" not in r
assert result == {"errorMessage": "as asked", "errorType": "RuntimeError", "requestId": r["ResponseMetadata"]["RequestId"],
                  "stackTrace": ["  File \"/var/task/app.py\", line 11, in handler\n    raise RuntimeError(\"as asked\")\n"]}, result
assert invoke("f", {"task_type": "call"})[1] == "f"  # boto3 within finds this server
r, result = invoke("f", {"task_type": "a"}, InvocationType="DryRun")
assert r["StatusCode"] == 204 and result is None
note = tempfile.mktemp()
r, result = invoke("f", {"task_type": "note", "path": note}, InvocationType="Event", Qualifier="$LATEST")
assert r["StatusCode"] == 202 and result is None
end = time.time() + 20
while not os.path.exists(note) or not open(note).read().endswith("\n"):
    assert time.time() < end, "the event was not run"
    time.sleep(0.01)
assert open(note).read().strip() == r["ResponseMetadata"]["RequestId"]

# Update.
code2 = make_zip("def handler(e, c): return 2")
before = client.get_function_configuration(FunctionName="f")["RevisionId"]
dry = client.update_function_code(FunctionName="f", ZipFile=code2, DryRun=True)
assert dry["CodeSha256"] == base64.b64encode(hashlib.sha256(code2).digest()).decode()
assert client.get_function_configuration(FunctionName="f")["RevisionId"] == before
fails("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id", 412,
      client.update_function_code, FunctionName="f", ZipFile=code2, RevisionId="00000000-0000-4000-8000-000000000000")
up = client.update_function_code(FunctionName="f", ZipFile=code2, RevisionId=before)
assert (up["State"], up["LastUpdateStatus"], up["LastUpdateStatusReason"], up["LastUpdateStatusReasonCode"]) == ("Active", "InProgress", "The function is being created.", "Creating"), up
assert up["RevisionId"] != before
client.get_waiter("function_updated_v2").wait(FunctionName="f")
assert invoke("f", {})[1] == 2
up = client.update_function_configuration(FunctionName="f", Timeout=9)
assert up["Timeout"] == 9 and up["MemorySize"] == 256 and up["Environment"] == {"Variables": {"KEY": "v"}} and up["Description"] == "d"
up = client.update_function_configuration(FunctionName="f", Environment={"Variables": {"NEW": "1"}}, Description="", DeadLetterConfig={"TargetArn": ""})
assert up["Environment"] == {"Variables": {"NEW": "1"}} and up["Description"] == "" and "DeadLetterConfig" not in up and up["Timeout"] == 9
again = client.update_function_configuration(FunctionName="f")
assert again["RevisionId"] != up["RevisionId"]

# List.
for i in range(4):
    create("list-%d" % i)
page = client.list_functions(MaxItems=3)
assert [f["FunctionName"] for f in page["Functions"]] == ["f", "list-0", "list-1"] and page["NextMarker"]
assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & set(page["Functions"][0])
rest = client.list_functions(MaxItems=3, Marker=page["NextMarker"], FunctionVersion="ALL")
assert [f["FunctionArn"] for f in rest["Functions"]] == [ARN + "list-2:$LATEST", ARN + "list-3:$LATEST"] and "NextMarker" not in rest
elsewhere = boto3.client("lambda", region_name="us-east-2")
assert elsewhere.list_functions()["Functions"] == []

# Refusals.
fails(NOT, "Function not found: " + ARN + "none", 404, client.invoke, FunctionName="none")
fails(NOT, "Function not found: " + ARN + "f:7", 404, client.get_function, FunctionName="f", Qualifier="7")
fails(NOT, "Function not found: " + ARN + "f:7", 404, client.invoke, FunctionName="f:7", InvocationType="DryRun")
fails(NOT, "Function not found: " + ARN + "none", 404, client.delete_function, FunctionName="none")
fails(NOT, "Function not found: " + ARN + "none", 404, client.update_function_code, FunctionName="none", ZipFile=code2)
fails(NOT, "Function not found: " + ARN + "none", 404, client.invoke, FunctionName="none", InvocationType="Event")
fails(NOT, "Functions from 'eu-west-1' are not reachable in this region ('us-east-2')", 404, elsewhere.get_function, FunctionName=ARN + "f")
fails("AccessDeniedException", "210987654321", 403, client.get_function, FunctionName=ARN.replace("123456789012", "210987654321") + "f")
fails(PARAM, "The derived qualifier from the function name does not match the specified qualifier.", 400, client.get_function, FunctionName="f:1", Qualifier="$LATEST")
fails(PARAM, "$LATEST version cannot be deleted without deleting the function.", 400, client.delete_function, FunctionName="f", Qualifier="$LATEST")
fails("ResourceConflictException", "Function already exist: f", 409, create, name="f")
fails(PARAM, "Could not unzip uploaded file. Please check your file, then try to upload again.", 400, create, name="x", code=b"no zip")
fails(PARAM, "Could not unzip uploaded file.", 400, client.update_function_code, FunctionName="f", ZipFile=b"PK\x03\x04 no zip either")
fails(PARAM, "Value python3.99 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [", 400, create, name="x", Runtime="python3.99")
fails(PARAM, "The runtime parameter of python2.7 is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", 400, create, name="x", Runtime="python2.7")
fails(PARAM, "The runtime ruby3.4 is not available on this server: Belfry does not run it. It runs ", 400, create, name="x", Runtime="ruby3.4")
fails(PARAM, "Member must satisfy enum value set", 400, client.update_function_configuration, FunctionName="f", Runtime="cobol")
room = 4096 - len('{"KK":""}')
big = {"KK": "x" * (room + 1)}
fails(PARAM, "exceeded the 4KB limit. String measured: " + json.dumps(big, separators=(",", ":")), 400, create, name="x", Environment={"Variables": big})
create("env-at-the-limit", Environment={"Variables": {"KK": "x" * room}})
fails(PARAM, "Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT", 400, create, name="x", Environment={"Variables": {"LAMBDA_TASK_ROOT": "x", "AWS_REGION": "y"}})
fails("ValidationException", "Value 'r' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+", 400, create, name="x", Role="r")
fails("ValidationException", "Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240", 400, create, name="x", MemorySize=10241)
fails("ValidationException", "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900", 400, create, name="x", Timeout=901)
fails("ValidationException", "at 'functionName'", 400, create, name="no spaces")
fails("ValidationException", "at 'functionName'", 400, create, name="fünktion")
fails("ValidationException", "Member must have value less than or equal to 10240", 400, create, name="x", EphemeralStorage={"Size": 10241})
fails("ValidationException", "at 'description' failed to satisfy constraint: Member must have length less than or equal to 256", 400, create, name="x", Description="ü" * 257)
fails("ValidationException", "at 'functionName'", 400, create, name="n" * 65)
least = create("n" * 64, Timeout=1, MemorySize=128, EphemeralStorage={"Size": 512}, Handler="h")
assert (least["Timeout"], least["MemorySize"], least["EphemeralStorage"]) == (1, 128, {"Size": 512}), least
most = create("most", Timeout=900, MemorySize=10240, EphemeralStorage={"Size": 10240}, Handler="h" * 126 + ".h", Description="ü" * 256,
              Tags={"käy": "☂"}, Environment={"Variables": {"UMLAUT": "ü☂𝄞"}})
assert (most["Timeout"], most["MemorySize"], most["EphemeralStorage"], most["Description"]) == (900, 10240, {"Size": 10240}, "ü" * 256), most
assert client.get_function(FunctionName="most")["Tags"] == {"käy": "☂"}
assert client.get_function_configuration(FunctionName="most")["Environment"]["Variables"] == {"UMLAUT": "ü☂𝄞"}
client.delete_function(FunctionName="n" * 64)
client.delete_function(FunctionName="most")
fails("ValidationException", "at 'handler' failed to satisfy constraint: Member must have length less than or equal to 128", 400, create, name="x", Handler="h" * 129)
fails(PARAM, "PackageType: container images are not available", 400, create, name="x", PackageType="Image")
fails(PARAM, "S3Bucket: code from S3 is not available", 400, client.create_function, FunctionName="x", Runtime="python3.11", Role=ROLE, Handler="a.b", Code={"S3Bucket": "bucket", "S3Key": "k"})
fails(PARAM, "Please provide a source for function code.", 400, client.create_function, FunctionName="x", Runtime="python3.11", Role=ROLE, Handler="a.b", Code={})
fails(NOT, "Function not found: " + ARN + "x", 404, client.get_function, FunctionName="x")  # none of these left something
assert client.get_function_configuration(FunctionName="f")["RevisionId"] == again["RevisionId"]
INVALID = "InvalidRequestContentException"
fails(INVALID, "Could not parse request body into json: Could not parse payload into json: ", 400, client.invoke, FunctionName="f", Payload=b"<xml>")
fails(INVALID, "Invalid UTF-8", 400, client.invoke, FunctionName="f", Payload=b'"\xff"')
fails(INVALID, "Could not parse request body into json", 400, client.invoke, FunctionName="f", Payload=b"{", InvocationType="Event")
fails(INVALID, "Client context must be a valid Base64-encoded JSON object.", 400, client.invoke, FunctionName="f", ClientContext="%%%")
fails(INVALID, "Client context", 400, client.invoke, FunctionName="f", ClientContext=base64.b64encode(b"[1]").decode())
def context_of(size): return base64.b64encode(b'{"custom":{"k":"' + b"x" * (size // 4 * 3 - 19) + b'"}}').decode()
assert len(context_of(3580)) == 3580 and len(context_of(3584)) == 3584  # 3583 cannot be a length of base64
client.invoke(FunctionName="f", InvocationType="DryRun", ClientContext=context_of(3580))
fails(INVALID, "The client context must not be longer than 3583 bytes.", 400, client.invoke, FunctionName="f", InvocationType="DryRun", ClientContext=context_of(3584))

# Destinations may be URLs.
def destination(to): return {"FunctionName": "f", "DestinationConfig": {"OnFailure": {"Destination": to}}}
room = "https://example.org/" + "x" * (350 - len("https://example.org/"))
assert client.put_function_event_invoke_config(**destination(room))["DestinationConfig"]["OnFailure"] == {"Destination": room}
fails("ValidationException", "Member must have length less than or equal to 350", 400, client.put_function_event_invoke_config, **destination(room + "x"))
fails(PARAM, "The destination URL must not have a user or a password", 400, client.put_function_event_invoke_config, **destination("https://a:b@example.org"))
fails(PARAM, "The destination ARN arn:aws:sns:eu-west-1:123456789012:t is invalid. This server delivers to queues and functions, and to URLs", 400, client.put_function_event_invoke_config, **destination("arn:aws:sns:eu-west-1:123456789012:t"))
client.delete_function_event_invoke_config(FunctionName="f")

# The limits of payloads, from both sides.
create("echo", make_zip("def handler(e, c): return e['n'] * 'x' if 'n' in e else len(e['s'])"), Timeout=60)
def string_of(size): return b'{"s":"' + b"x" * (size - 8) + b'"}'
assert client.invoke(FunctionName="echo", Payload=string_of(6291456))["Payload"].read() == b"6291448"
fails("RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation", 413, client.invoke, FunctionName="echo", Payload=string_of(6291457))
assert client.invoke(FunctionName="echo", Payload=string_of(1048576), InvocationType="Event")["StatusCode"] == 202
fails("RequestTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)", 413, client.invoke, FunctionName="echo", Payload=string_of(1048577), InvocationType="Event")
assert len(client.invoke(FunctionName="echo", Payload=b'{"n": 6291554}')["Payload"].read()) == 6291556
r = client.invoke(FunctionName="echo", Payload=b'{"n": 6291555}')
assert r["FunctionError"] == "Unhandled" and json.loads(r["Payload"].read()) == {
    "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).", "errorType": "Function.ResponseSizeTooLarge"}

# Versions and aliases.
def has(got, **want):
    for k, v in want.items():
        assert got[k] == v, (k, got.get(k), v)
create("v", make_zip("import os\ndef handler(e, c): return [1, c.function_version, c.invoked_function_arn, os.environ['AWS_LAMBDA_FUNCTION_VERSION']]"))
rev = client.get_function_configuration(FunctionName="v")["RevisionId"]
fails("PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id.", 412, client.publish_version, FunctionName="v", RevisionId="wrong")
fails(PARAM, "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST (", 400, client.publish_version, FunctionName="v", CodeSha256="x")
one = client.publish_version(FunctionName="v", RevisionId=rev, Description="first")
assert one["ResponseMetadata"]["HTTPStatusCode"] == 201
has(one, Version="1", FunctionArn=ARN + "v:1", Description="first", State="Active", LastUpdateStatus="Successful")
after = client.get_function_configuration(FunctionName="v")["RevisionId"]
assert after not in (rev, one["RevisionId"])
again = client.publish_version(FunctionName="v")
has(again, Version="1", RevisionId=one["RevisionId"])
client.get_waiter("published_version_active").wait(FunctionName="v", Qualifier="1")
two = client.update_function_code(FunctionName="v", Publish=True, ZipFile=make_zip("def handler(e, c): return [2, c.function_version, c.invoked_function_arn]"))
has(two, Version="2", FunctionArn=ARN + "v:2")
has(client.get_function(FunctionName="v:2")["Configuration"], Version="2", FunctionArn=ARN + "v:2", CodeSha256=two["CodeSha256"])
assert [v["Version"] for v in client.list_versions_by_function(FunctionName="v")["Versions"]] == ["$LATEST", "1", "2"]
assert [v["Version"] for p in client.get_paginator("list_versions_by_function").paginate(FunctionName="v", PaginationConfig={"PageSize": 1}) for v in p["Versions"]] == ["$LATEST", "1", "2"]
assert [f["FunctionArn"] for p in client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2}) for f in p["Functions"] if f["FunctionName"] == "v"] == [ARN + "v:$LATEST", ARN + "v:1", ARN + "v:2"]
def run(**which):
    r = client.invoke(FunctionName="v", **which)
    return r["ExecutedVersion"], json.loads(r["Payload"].read())
assert run(Qualifier="1") == ("1", [1, "1", ARN + "v:1", "1"])
assert run() == ("$LATEST", [2, "$LATEST", ARN + "v"])
live = client.create_alias(FunctionName="v", Name="live", FunctionVersion="1")
assert live["ResponseMetadata"]["HTTPStatusCode"] == 201
has(live, AliasArn=ARN + "v:live", Name="live", FunctionVersion="1", Description="")
assert "RoutingConfig" not in live
assert run(Qualifier="live") == ("1", [1, "1", ARN + "v:live", "1"])
has(client.get_function(FunctionName="v:live")["Configuration"], Version="1", FunctionArn=ARN + "v:live", RevisionId=one["RevisionId"])
fails("ResourceConflictException", "Alias already exists: " + ARN + "v:live", 409, client.create_alias, FunctionName="v", Name="live", FunctionVersion="1")
fails(NOT, "Function not found: " + ARN + "v:9", 404, client.create_alias, FunctionName="v", Name="x", FunctionVersion="9")
fails("ValidationException", "at 'name' failed to satisfy constraint", 400, client.create_alias, FunctionName="v", Name="17", FunctionVersion="1")
def route(main, name="x", **weights): return client.create_alias(FunctionName="v", Name=name, FunctionVersion=main, RoutingConfig={"AdditionalVersionWeights": {k.strip("_"): w for k, w in weights.items()}})
fails(PARAM, "Number of items in AdditionalVersionWeights cannot be greater than 1", 400, route, main="1", _2=0.1, _3=0.1)
fails(PARAM, "$LATEST is not supported for an alias pointing to more than 1 version", 400, route, main="$LATEST", _2=0.1)
fails(PARAM, "Invalid function version 1. Function version 1 is already included in routing configuration.", 400, route, main="1", _1=0.1)
fails(NOT, "Function not found: " + ARN + "v:9", 404, route, main="1", _9=0.1)
has(route("1", name="both", _2=1.0), RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
assert run(Qualifier="both")[0] == "2"
fails("PreconditionFailedException", "The Revision Id provided does not match", 412, client.update_alias, FunctionName="v", Name="live", RevisionId="wrong")
moved = client.update_alias(FunctionName="v", Name="live", FunctionVersion="2", RevisionId=live["RevisionId"])
assert moved["FunctionVersion"] == "2" and moved["RevisionId"] != live["RevisionId"]
assert run(Qualifier="live")[0] == "2"
assert [a["Name"] for a in client.list_aliases(FunctionName="v")["Aliases"]] == ["both", "live"]
assert [a["Name"] for a in client.list_aliases(FunctionName="v", FunctionVersion="1")["Aliases"]] == ["both"]
assert [a["Name"] for p in client.get_paginator("list_aliases").paginate(FunctionName="v", PaginationConfig={"PageSize": 1}) for a in p["Aliases"]] == ["both", "live"]
fails(NOT, "Cannot find alias arn: " + ARN + "v:none", 404, client.get_alias, FunctionName="v", Name="none")
fails(NOT, "Cannot find alias arn: " + ARN + "v:none", 404, client.update_alias, FunctionName="v", Name="none")
client.add_permission(FunctionName="v", Qualifier="live", StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com")
assert json.loads(client.get_policy(FunctionName="v:live")["Policy"])["Statement"][0]["Resource"] == ARN + "v:live"
fails(NOT, "The resource you requested does not exist.", 404, client.get_policy, FunctionName="v")
has(client.put_function_event_invoke_config(FunctionName="v", Qualifier="live", MaximumRetryAttempts=0), FunctionArn=ARN + "v:live", MaximumRetryAttempts=0)
fails(NOT, "The function " + ARN + "v:1 doesn't have an EventInvokeConfig", 404, client.get_function_event_invoke_config, FunctionName="v", Qualifier="1")
fails(NOT, "Function not found: " + ARN + "v:none", 404, client.put_function_event_invoke_config, FunctionName="v", Qualifier="none", MaximumRetryAttempts=0)
assert [c["FunctionArn"] for c in client.list_function_event_invoke_configs(FunctionName="v")["FunctionEventInvokeConfigs"]] == [ARN + "v:live"]
fails(PARAM, "Deletion of aliases is not currently supported.", 400, client.delete_function, FunctionName="v", Qualifier="live")
fails("ResourceConflictException", "Unable to delete version because the following aliases reference it: [both, live]", 409, client.delete_function, FunctionName="v", Qualifier="2")
assert client.delete_alias(FunctionName="v", Name="both")["ResponseMetadata"]["HTTPStatusCode"] == 204
client.delete_alias(FunctionName="v", Name="both")
assert client.delete_function(FunctionName="v", Qualifier="1")["ResponseMetadata"]["HTTPStatusCode"] == 204
client.delete_function(FunctionName="v", Qualifier="1")
fails(NOT, "Function not found: " + ARN + "v:1", 404, client.invoke, FunctionName="v:1")
client.delete_function(FunctionName="v")
has(create("v", Publish=True), Version="3", FunctionArn=ARN + "v:3")  # a number never means two things
has(client.get_runtime_management_config(FunctionName="v"), UpdateRuntimeOn="Auto", FunctionArn=ARN + "v")
has(client.get_function_recursion_config(FunctionName="v"), RecursiveLoop="Terminate")
has(client.put_runtime_management_config(FunctionName="v", Qualifier="3", UpdateRuntimeOn="Auto"), UpdateRuntimeOn="Auto", FunctionArn=ARN + "v:3")
for on in ({"UpdateRuntimeOn": "FunctionUpdate"}, {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:" + "0" * 64}):
    fails(PARAM, "UpdateRuntimeOn: functions here run on the interpreters of the machine, as they are, so " + on["UpdateRuntimeOn"] + " cannot be kept to", 400, client.put_runtime_management_config, FunctionName="v", **on)
fails("ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function", 404, client.get_provisioned_concurrency_config, FunctionName="v", Qualifier="3")
fails(PARAM, "provisioned concurrency is not available on this server. It starts instances itself", 400, client.put_provisioned_concurrency_config, FunctionName="v", Qualifier="3", ProvisionedConcurrentExecutions=1)
assert client.list_provisioned_concurrency_configs(FunctionName="v")["ProvisionedConcurrencyConfigs"] == []
client.delete_provisioned_concurrency_config(FunctionName="v", Qualifier="3")
fails(PARAM, "Response streaming is not available on this server; call Invoke", 400, client.invoke_with_response_stream, FunctionName="v")
for call, more in ((client.put_runtime_management_config, {"UpdateRuntimeOn": "Auto"}), (client.put_provisioned_concurrency_config, {"Qualifier": "1", "ProvisionedConcurrentExecutions": 1}),
                   (client.list_provisioned_concurrency_configs, {}), (client.delete_provisioned_concurrency_config, {"Qualifier": "1"}), (client.invoke_with_response_stream, {})):
    fails(NOT, "Function not found: " + ARN + "none", 404, call, FunctionName="none", **more)
client.delete_function(FunctionName="v")

# Delete.
gone = client.delete_function(FunctionName="f")
assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
fails(NOT, "Function not found: " + ARN + "f", 404, client.get_function, FunctionName="f")
create("f")
print("all done")
