"""Drives the operations on layers with boto3; every step asserts what it got."""
import base64
import hashlib
import json
import time
import urllib.request

import boto3

from common import ARN, NOT, PARAM, client, create_function, fails, invoke, make_zip

LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:"
VALID = "ValidationException"
ZIP = make_zip("VALUE = 1", "python/dep.py")
CODE = make_zip("import dep\ndef handler(e, c): return dep.VALUE")
RUNTIMES = ["python3.%d" % n for n in range(8, 15)] + ["nodejs%d.x" % n for n in (16, 18, 20, 22, 24)] + ["java21", "dotnet8", "ruby3.4"]


def publish(name="dep", content=None, **more):
    return client.publish_layer_version(LayerName=name, Content=content or {"ZipFile": ZIP}, **more)


# Publish and read.
made = publish(Description="d", LicenseInfo="MIT", CompatibleRuntimes=["python3.12", "python3.7"], CompatibleArchitectures=["x86_64", "arm64"])
assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
expect = dict(LayerArn=LAYER + "dep", LayerVersionArn=LAYER + "dep:1", Version=1, Description="d", LicenseInfo="MIT",
              CompatibleRuntimes=["python3.12", "python3.7"], CompatibleArchitectures=["x86_64", "arm64"])
time.strptime(made["CreatedDate"], "%Y-%m-%dT%H:%M:%S.%f%z")
for got in (made, client.get_layer_version(LayerName="dep", VersionNumber=1), client.get_layer_version(LayerName=LAYER + "dep", VersionNumber=1),
            client.get_layer_version_by_arn(Arn=LAYER + "dep:1")):
    for k, v in expect.items():
        assert got[k] == v, (k, got.get(k), v)
    assert got["CreatedDate"] == made["CreatedDate"]
    content = got["Content"]
    assert (content["CodeSize"], content["CodeSha256"]) == (len(ZIP), base64.b64encode(hashlib.sha256(ZIP).digest()).decode())
    assert urllib.request.urlopen(content["Location"]).read() == ZIP
two = publish(LAYER + "dep", {"ZipFile": make_zip("VALUE = 2", "python/dep.py")})
assert two["LayerVersionArn"] == LAYER + "dep:2" and two["Description"] == "", two
assert not {"LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"} & set(two), two

# Lists.
publish("other", CompatibleRuntimes=["nodejs20.x"])
def versions(**more): return [v["Version"] for p in client.get_paginator("list_layer_versions").paginate(LayerName="dep", **more) for v in p["LayerVersions"]]
def layers(**more): return [(l["LayerName"], l["LatestMatchingVersion"]["Version"]) for p in client.get_paginator("list_layers").paginate(**more) for l in p["Layers"]]
assert versions() == [2, 1] and versions(PaginationConfig={"PageSize": 1}) == [2, 1]
assert versions(CompatibleRuntime="python3.12") == [1] and versions(CompatibleArchitecture="arm64") == [1] and versions(CompatibleRuntime="java21") == []
assert layers() == [("dep", 2), ("other", 1)] == layers(PaginationConfig={"PageSize": 1})
assert layers(CompatibleRuntime="python3.12", CompatibleArchitecture="x86_64") == [("dep", 1)] and layers(CompatibleRuntime="java21") == []
assert client.list_layers()["Layers"][0]["LayerArn"] == LAYER + "dep"
assert client.list_layer_versions(LayerName="none")["LayerVersions"] == []
elsewhere = boto3.client("lambda", region_name="us-east-2")
assert elsewhere.list_layers()["Layers"] == []

# A function's life with them.
def shown(f): return [(l["Arn"], l["CodeSize"]) for l in f.get("Layers", [])]
made = create_function("f", CODE, Layers=[LAYER + "dep:1"])
assert shown(made) == [(LAYER + "dep:1", len(ZIP))]
assert shown(client.get_function(FunctionName="f")["Configuration"]) == shown(client.list_functions()["Functions"][0]) == shown(made)
assert invoke("f", {})[1] == 1
assert shown(client.publish_version(FunctionName="f")) == shown(made)
up = client.update_function_configuration(FunctionName="f", Description="the layers stay")
assert shown(up) == shown(made)
up = client.update_function_configuration(FunctionName="f", Layers=[LAYER + "dep:2"])
assert shown(up) == [(LAYER + "dep:2", two["Content"]["CodeSize"])] and invoke("f", {})[1] == 2
assert client.publish_version(FunctionName="f")["Version"] == "2"
up = client.update_function_configuration(FunctionName="f", Layers=[])
assert "Layers" not in up and "No module named 'dep'" in invoke("f", {})[1]["errorMessage"]
assert client.update_function_code(FunctionName="f", ZipFile=CODE, DryRun=True)["CodeSha256"] == up["CodeSha256"]

# A deleted version stays with those that have it.
r = client.delete_layer_version(LayerName="dep", VersionNumber=1)
assert r["ResponseMetadata"]["HTTPStatusCode"] == 204
client.delete_layer_version(LayerName="dep", VersionNumber=1)
assert json.load(client.invoke(FunctionName="f", Qualifier="1")["Payload"]) == 1
assert shown(client.get_function_configuration(FunctionName="f", Qualifier="1")) == shown(made)
fails(PARAM, "Layer version %sdep:1 does not exist." % LAYER, 400, client.update_function_configuration, FunctionName="f", Layers=[LAYER + "dep:1"])
gone = "The resource you requested does not exist."
fails(NOT, gone, 404, client.get_layer_version, LayerName="dep", VersionNumber=1)
fails(NOT, gone, 404, client.get_layer_version_by_arn, Arn=LAYER + "dep:1")
fails(NOT, gone, 404, client.get_layer_version_policy, LayerName="dep", VersionNumber=1)
assert publish()["Version"] == 3 and versions() == [3, 2]

# Permissions.
add = dict(LayerName="dep", VersionNumber=2, StatementId="s", Action="lambda:GetLayerVersion", Principal="210987654321")
added = client.add_layer_version_permission(**add)
assert added["ResponseMetadata"]["HTTPStatusCode"] == 201
statement = {"Sid": "s", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "lambda:GetLayerVersion", "Resource": LAYER + "dep:2"}
assert json.loads(added["Statement"]) == statement, added
fails("ResourceConflictException", "The statement id (s) provided already exists.", 409, client.add_layer_version_permission, **add)
stale = "Call the GetLayerPolicy API to retrieve the latest Revision Id"
fails("PreconditionFailedException", stale, 412, client.add_layer_version_permission, **{**add, "StatementId": "t", "RevisionId": "old"})
org = client.add_layer_version_permission(**{**add, "StatementId": "t", "Principal": "*", "OrganizationId": "o-0123456789", "RevisionId": added["RevisionId"]})
assert json.loads(org["Statement"])["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}}
policy = client.get_layer_version_policy(LayerName="dep", VersionNumber=2)
assert policy["RevisionId"] == org["RevisionId"] != added["RevisionId"]
assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement, json.loads(org["Statement"])]}
remove = dict(LayerName="dep", VersionNumber=2, StatementId="s")
fails("PreconditionFailedException", stale, 412, client.remove_layer_version_permission, RevisionId="old", **remove)
other = boto3.client("lambda", aws_access_key_id="210987654321", aws_secret_access_key="x")
assert other.get_layer_version(LayerName=LAYER + "dep", VersionNumber=2)["Version"] == 2
theirs = dict(FunctionName="f", Runtime="python3.11", Handler="app.handler", Role="arn:aws:iam::210987654321:role/r", Code={"ZipFile": CODE})
assert shown(other.create_function(Layers=[LAYER + "dep:2"], **theirs)) == [(LAYER + "dep:2", two["Content"]["CodeSize"])]
r = client.remove_layer_version_permission(RevisionId=policy["RevisionId"], **remove)
assert r["ResponseMetadata"]["HTTPStatusCode"] == 204
fails(NOT, "Statement s is not found in resource policy.", 404, client.remove_layer_version_permission, **remove)
client.remove_layer_version_permission(**{**remove, "StatementId": "t"})
fails(NOT, "No policy is associated with the given resource.", 404, client.get_layer_version_policy, LayerName="dep", VersionNumber=2)
missing = "Layer version %sdep:1 does not exist." % LAYER
fails(NOT, missing, 404, client.add_layer_version_permission, **{**add, "VersionNumber": 1})
fails(NOT, missing, 404, client.remove_layer_version_permission, **{**remove, "VersionNumber": 1})
assert json.load(other.invoke(FunctionName="f")["Payload"]) == 2  # it keeps what it has
denied = "Account 210987654321 is not authorized to perform: lambda:GetLayerVersion on resource: %sdep:2 because no resource-based policy allows" % LAYER
fails("AccessDeniedException", denied, 403, other.get_layer_version, LayerName=LAYER + "dep", VersionNumber=2)
fails("AccessDeniedException", denied, 403, other.update_function_configuration, FunctionName="f", Layers=[LAYER + "dep:2"])
fails("AccessDeniedException", "210987654321", 403, other.delete_layer_version, LayerName=LAYER + "dep", VersionNumber=2)
fails("AccessDeniedException", "210987654321", 403, other.list_layer_versions, LayerName=LAYER + "dep")

# Refusals, and the other side of each limit.
first = "Layer Version Cannot be less than 1."
fails(PARAM, first, 400, client.get_layer_version, LayerName="dep", VersionNumber=0)
fails(PARAM, first, 400, client.delete_layer_version, LayerName="dep", VersionNumber=0)
fails(PARAM, first, 400, client.add_layer_version_permission, **{**add, "VersionNumber": 0})
fails(VALID, "Value 'lambda:InvokeFunction' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion", 400,
      client.add_layer_version_permission, **{**add, "Action": "lambda:InvokeFunction"})
fails(VALID, "at 'principal' failed to satisfy constraint", 400, client.add_layer_version_permission, **{**add, "Principal": "events.amazonaws.com"})
fails(VALID, "at 'layerName' failed to satisfy constraint", 400, publish, name="no spaces")
fails("SerializationException", "", 400, elsewhere.get_layer_version, LayerName="dep", VersionNumber=1 << 63)
fails(NOT, "Layers from 'eu-west-1' are not reachable in this region ('us-east-2')", 404, elsewhere.get_layer_version, LayerName=LAYER + "dep", VersionNumber=2)
fails(NOT, "Layers from 'eu-west-1' are not reachable", 404, elsewhere.get_layer_version_by_arn, Arn=LAYER + "dep:2")
fails(PARAM, "Layers are not in the same region as the function. Layers are expected to be in region us-east-2.", 400,
      elsewhere.create_function, FunctionName="x", Runtime="python3.11", Handler="a.b", Role="arn:aws:iam::123456789012:role/r", Code={"ZipFile": CODE}, Layers=[LAYER + "dep:2"])
fails(PARAM, "Could not unzip uploaded file.", 400, publish, content={"ZipFile": b"no zip"})
fails(PARAM, "Please provide a source for layer content", 400, publish, content={"S3ObjectVersion": "x"})
fails(PARAM, "S3Bucket: code from S3 is not available", 400, publish, content={"S3Bucket": "bucket", "S3Key": "k"})
fails(VALID, "at 'description' failed to satisfy constraint: Member must have length less than or equal to 256", 400, publish, Description="x" * 257)
fails(VALID, "at 'licenseInfo' failed to satisfy constraint: Member must have length less than or equal to 512", 400, publish, LicenseInfo="x" * 513)
fails(VALID, "at 'compatibleRuntimes' failed to satisfy constraint: Member must have length less than or equal to 15", 400, publish, CompatibleRuntimes=RUNTIMES + ["java17"])
fails(VALID, "at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [", 400, publish, CompatibleRuntimes=["cobol85"])
fails(VALID, "at 'compatibleArchitectures' failed to satisfy constraint", 400, publish, CompatibleArchitectures=["vax"])
assert publish(Description="x" * 256, LicenseInfo="x" * 512, CompatibleRuntimes=RUNTIMES)["Version"] == 4
fails(VALID, "Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50", 400, client.list_layers, MaxItems=51)
fails(PARAM, "The marker is not one that this server gave.", 400, client.list_layers, Marker="%")
for i in range(5):
    publish("l%d" % i)
five = [LAYER + "l%d:1" % i for i in range(5)]
fails(PARAM, "Cannot reference more than 5 layers.", 400, create_function, name="x", code=CODE, Layers=five + [LAYER + "dep:2"])
fails(PARAM, "Two different versions of the same layer are not allowed to be referenced in the same function. %sdep:2 and %sdep:3 are versions of the same layer." % (LAYER, LAYER), 400,
      create_function, name="x", code=CODE, Layers=[LAYER + "dep:2", LAYER + "dep:3"])
fails(VALID, "at 'layers' failed to satisfy constraint", 400, create_function, name="x", code=CODE, Layers=["dep"])
fails(NOT, "Function not found: " + ARN + "x", 404, client.get_function, FunctionName="x")  # none of these left something
create_function("x", CODE, Layers=five)
assert invoke("x", {})[1] == 1
size = client.get_account_settings()["AccountUsage"]["TotalCodeSize"]
publish("l0")
assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == size + len(ZIP)

print("all done")
