"""Layers with boto3: a part of the program for Lambda."""

import json

from certify import ACCOUNT, REGION, client, pages, refused, same, zipped

c = client("lambda")
errors = c.exceptions
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:dep"
CODE = "import dep\ndef handler(event, context):\n    return dep.VALUE\n"


def publish(version, **more):
    content = {"ZipFile": zipped(f"VALUE = {version}", "python/dep.py")}
    made = c.publish_layer_version(LayerName="dep", Content=content, **more)
    same((made["Version"], made["LayerVersionArn"]), (version, f"{LAYER}:{version}"))


def answer():
    return json.load(c.invoke(FunctionName="layered")["Payload"])


def layers(create):
    publish(1, Description="d", LicenseInfo="MIT", CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    publish(2)
    refused(errors.InvalidParameterValueException, c.publish_layer_version, LayerName="dep", Content={"ZipFile": b"no zip"})
    got = c.get_layer_version(LayerName="dep", VersionNumber=1)
    same((got["LicenseInfo"], got["CompatibleRuntimes"], got["LayerArn"]), ("MIT", ["python3.12"], LAYER))
    same(c.get_layer_version_by_arn(Arn=LAYER + ":1")["CreatedDate"], got["CreatedDate"])
    same([v["Version"] for v in pages(c, "list_layer_versions", "LayerVersions", 1, LayerName="dep")], [2, 1])
    found = pages(c, "list_layers", "Layers", 50, CompatibleRuntime="python3.12")
    same([(x["LayerName"], x["LatestMatchingVersion"]["Version"]) for x in found], [("dep", 1)])

    made = create("layered", Layers=[LAYER + ":1"], Code={"ZipFile": zipped(CODE)})
    same(made["Layers"], [{"Arn": LAYER + ":1", "CodeSize": got["Content"]["CodeSize"]}])
    same(answer(), 1)
    c.delete_layer_version(LayerName="dep", VersionNumber=1)
    refused(errors.ResourceNotFoundException, c.get_layer_version, LayerName="dep", VersionNumber=1)
    same(answer(), 1)
    refused(errors.InvalidParameterValueException, c.update_function_configuration, FunctionName="layered", Layers=[LAYER + ":1"])
    c.update_function_configuration(FunctionName="layered", Layers=[LAYER + ":2"])
    same(answer(), 2)
    c.delete_function(FunctionName="layered")

    version = {"LayerName": "dep", "VersionNumber": 2}
    add = {"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*", **version}
    statement = json.loads(c.add_layer_version_permission(**add)["Statement"])
    same((statement["Principal"], statement["Resource"]), ("*", LAYER + ":2"))
    refused(errors.ResourceConflictException, c.add_layer_version_permission, **add)
    same(json.loads(c.get_layer_version_policy(**version)["Policy"])["Statement"], [statement])
    refused(errors.PreconditionFailedException, c.remove_layer_version_permission, StatementId="s", RevisionId="old", **version)
    c.remove_layer_version_permission(StatementId="s", **version)
    refused(errors.ResourceNotFoundException, c.get_layer_version_policy, **version)
    refused(errors.ResourceNotFoundException, c.remove_layer_version_permission, StatementId="s", **version)
    c.delete_layer_version(**version)
