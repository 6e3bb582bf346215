#!/usr/bin/env python3
"""Cuts botocore's service models down to what Belfry serves.

    python3 trim.py [FOLDER]

writes a model for each service below to FOLDER, by default the one
that this script is in. The same botocore gives the same bytes, so a diff of
the models is what AWS changed. To serve another operation add its name to
OPERATIONS, run this script, and then `go generate ./api/awswire`.

botocore is Apache-2.0, copyright Amazon.com, Inc. or its affiliates.
"""

import gzip
import json
import os
import sys

import botocore

# Service to API version and operations; None is all of them.
OPERATIONS = {
    "scheduler": ("2021-06-30", None),
    "events": (
        "2015-10-07",
        [
            "DeleteRule",
            "DescribeEventBus",
            "DescribeRule",
            "DisableRule",
            "EnableRule",
            "ListEventBuses",
            "ListRuleNamesByTarget",
            "ListRules",
            "ListTagsForResource",
            "ListTargetsByRule",
            "PutRule",
            "PutTargets",
            "RemoveTargets",
            "TagResource",
            "UntagResource",
        ],
    ),
    "lambda": (
        "2015-03-31",
        [
            "AddLayerVersionPermission",
            "AddPermission",
            "CreateAlias",
            "CreateFunction",
            "DeleteAlias",
            "DeleteFunction",
            "DeleteFunctionConcurrency",
            "DeleteFunctionEventInvokeConfig",
            "DeleteProvisionedConcurrencyConfig",
            "DeleteLayerVersion",
            "GetAccountSettings",
            "GetAlias",
            "GetFunction",
            "GetFunctionCodeSigningConfig",
            "GetFunctionConcurrency",
            "GetFunctionConfiguration",
            "GetFunctionEventInvokeConfig",
            "GetFunctionRecursionConfig",
            "GetLayerVersion",
            "GetLayerVersionByArn",
            "GetLayerVersionPolicy",
            "GetPolicy",
            "GetProvisionedConcurrencyConfig",
            "GetRuntimeManagementConfig",
            "Invoke",
            "InvokeWithResponseStream",
            "ListAliases",
            "ListFunctionEventInvokeConfigs",
            "ListFunctions",
            "ListProvisionedConcurrencyConfigs",
            "ListLayerVersions",
            "ListLayers",
            "ListTags",
            "ListVersionsByFunction",
            "PublishLayerVersion",
            "PublishVersion",
            "PutFunctionConcurrency",
            "PutFunctionEventInvokeConfig",
            "PutProvisionedConcurrencyConfig",
            "PutRuntimeManagementConfig",
            "RemoveLayerVersionPermission",
            "RemovePermission",
            "TagResource",
            "UntagResource",
            "UpdateAlias",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "UpdateFunctionEventInvokeConfig",
        ],
    ),
    "dynamodb": (
        "2012-08-10",
        [
            "BatchGetItem",
            "BatchWriteItem",
            "CreateTable",
            "DeleteItem",
            "DeleteTable",
            "DescribeContinuousBackups",
            "DescribeTable",
            "DescribeTimeToLive",
            "GetItem",
            "ListTables",
            "ListTagsOfResource",
            "PutItem",
            "Query",
            "Scan",
            "TagResource",
            "TransactGetItems",
            "TransactWriteItems",
            "UntagResource",
            "UpdateContinuousBackups",
            "UpdateItem",
            "UpdateTable",
            "UpdateTimeToLive",
        ],
    ),
    "logs": (
        "2014-03-28",
        [
            "CreateLogGroup",
            "CreateLogStream",
            "DeleteLogGroup",
            "DeleteLogStream",
            "DeleteRetentionPolicy",
            "DescribeLogGroups",
            "DescribeLogStreams",
            "FilterLogEvents",
            "GetLogEvents",
            "ListTagsForResource",
            "ListTagsLogGroup",
            "PutLogEvents",
            "PutRetentionPolicy",
            "TagLogGroup",
            "TagResource",
            "UntagLogGroup",
            "UntagResource",
        ],
    ),
    "iam": (
        "2010-05-08",
        [
            "AttachRolePolicy",
            "CreatePolicy",
            "CreateRole",
            "DeletePolicy",
            "DeleteRole",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "GetPolicy",
            "GetPolicyVersion",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListInstanceProfilesForRole",
            "ListPolicyVersions",
            "ListRolePolicies",
            "ListRoleTags",
            "ListRoles",
            "PutRolePolicy",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
            "UpdateRoleDescription",
        ],
    ),
    "sts": ("2011-06-15", ["AssumeRole", "GetCallerIdentity"]),
    "sqs": (
        "2012-11-05",
        [
            "ChangeMessageVisibility",
            "ChangeMessageVisibilityBatch",
            "CreateQueue",
            "DeleteMessage",
            "DeleteMessageBatch",
            "DeleteQueue",
            "GetQueueAttributes",
            "GetQueueUrl",
            "ListDeadLetterSourceQueues",
            "ListQueueTags",
            "ListQueues",
            "PurgeQueue",
            "ReceiveMessage",
            "SendMessage",
            "SendMessageBatch",
            "SetQueueAttributes",
            "TagQueue",
            "UntagQueue",
        ],
    ),
}

# Prose, which is most of the file and none of the protocol.
DROPPED = {"documentation", "documentationUrl", "deprecatedMessage"}


def strip(node):
    """Returns node without prose; a structure may well have a member of such a name."""
    if isinstance(node, list):
        return [strip(n) for n in node]
    if not isinstance(node, dict):
        return node
    return {k: strip(v) for k, v in node.items() if not (k in DROPPED and isinstance(v, str))}


def reach(model, name, seen):
    """Adds to seen the shape and all that it refers to."""
    if name in seen:
        return
    seen.add(name)
    shape = model["shapes"][name]
    refs = list(shape.get("members", {}).values())
    refs += [shape[k] for k in ("member", "key", "value") if k in shape]
    for ref in refs:
        reach(model, ref["shape"], seen)


def unstream(model):
    """Takes away what answers stream: Belfry serves no operation that streams."""
    for shape in model["shapes"].values():
        for name, ref in list(shape.get("members", {}).items()):
            if model["shapes"][ref["shape"]].get("eventstream"):
                del shape["members"][name]
                if shape.get("payload") == name:
                    del shape["payload"]


def trim(service, version, wanted):
    data = os.path.join(os.path.dirname(botocore.__file__), "data", service, version)
    with gzip.open(os.path.join(data, "service-2.json.gz")) as f:
        model = strip(json.load(f))
    unstream(model)
    names = sorted(wanted if wanted is not None else model["operations"])
    seen = set()
    for name in names:
        op = model["operations"][name]
        for ref in [op.get("input"), op.get("output"), *op.get("errors", [])]:
            if ref:
                reach(model, ref["shape"], seen)
    return {
        "metadata": dict(sorted(model["metadata"].items())),
        "operations": {n: model["operations"][n] for n in names},
        "shapes": {n: model["shapes"][n] for n in sorted(seen)},
    }


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for service, (version, wanted) in OPERATIONS.items():
        with open(os.path.join(folder, service + ".json"), "w") as f:
            json.dump(trim(service, version, wanted), f, indent=1)
            f.write("\n")


main()
