"""IAM and STS with boto3. Roles belong to the account, whatever the region, so
that the names are this client's own."""

import json

from certify import ACCOUNT, client, refused, same

c, sts = client("iam"), client("sts")
errors = c.exceptions
ROLE, POLICY = "boto3-role", f"arn:aws:iam::{ACCOUNT}:policy/boto3-policy"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}


def all_of(operation, key, **arguments):
    """A list, with the paginator."""
    return [item for page in c.get_paginator(operation).paginate(**arguments) for item in page[key]]


def roles():
    made = c.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST), Description="d", Tags=[{"Key": "team", "Value": "a"}])["Role"]
    same((made["Arn"], made["AssumeRolePolicyDocument"]), (f"arn:aws:iam::{ACCOUNT}:role/{ROLE}", TRUST))
    c.update_role(RoleName=ROLE, Description="e", MaxSessionDuration=7200)
    c.update_role_description(RoleName=ROLE, Description="f")
    c.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps({**TRUST, "Id": "second"}))
    got = c.get_role(RoleName=ROLE)["Role"]
    same((got["Description"], got["MaxSessionDuration"], got["AssumeRolePolicyDocument"]["Id"]), ("f", 7200, "second"))
    assert ROLE in [r["RoleName"] for r in all_of("list_roles", "Roles", PaginationConfig={"PageSize": 1})]
    c.tag_role(RoleName=ROLE, Tags=[{"Key": "x", "Value": "y"}])
    c.untag_role(RoleName=ROLE, TagKeys=["team"])
    same(c.list_role_tags(RoleName=ROLE)["Tags"], [{"Key": "x", "Value": "y"}])
    refused(errors.EntityAlreadyExistsException, c.create_role, RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
    refused(errors.MalformedPolicyDocumentException, c.create_role, RoleName="boto3-bad", AssumeRolePolicyDocument="{")
    refused(errors.NoSuchEntityException, c.get_role, RoleName="boto3-absent")


def policies():
    c.put_role_policy(RoleName=ROLE, PolicyName="inline", PolicyDocument=json.dumps(ALLOW))
    same(c.get_role_policy(RoleName=ROLE, PolicyName="inline")["PolicyDocument"], ALLOW)
    same(all_of("list_role_policies", "PolicyNames", RoleName=ROLE), ["inline"])
    same(c.create_policy(PolicyName="boto3-policy", PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"], POLICY)
    version = c.get_policy(PolicyArn=POLICY)["Policy"]["DefaultVersionId"]
    same(c.get_policy_version(PolicyArn=POLICY, VersionId=version)["PolicyVersion"]["Document"], ALLOW)
    same([v["VersionId"] for v in all_of("list_policy_versions", "Versions", PolicyArn=POLICY)], [version])
    c.attach_role_policy(RoleName=ROLE, PolicyArn=POLICY)
    same([p["PolicyArn"] for p in all_of("list_attached_role_policies", "AttachedPolicies", RoleName=ROLE)], [POLICY])
    refused(errors.DeleteConflictException, c.delete_role, RoleName=ROLE)
    same(all_of("list_instance_profiles_for_role", "InstanceProfiles", RoleName=ROLE), [])


def sessions():
    same(sts.get_caller_identity()["Account"], ACCOUNT)
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    got = sts.assume_role(RoleArn=role, RoleSessionName="boto3")
    same(got["AssumedRoleUser"]["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/boto3")
    assert got["Credentials"]["AccessKeyId"].startswith("ASIA"), got
    r = refused(errors.ClientError, sts.assume_role, RoleArn=role + "-absent", RoleSessionName="boto3")
    same(r["Error"]["Code"], "AccessDenied")


roles()
policies()
sessions()
c.detach_role_policy(RoleName=ROLE, PolicyArn=POLICY)
c.delete_role_policy(RoleName=ROLE, PolicyName="inline")
c.delete_policy(PolicyArn=POLICY)
c.delete_role(RoleName=ROLE)
refused(errors.NoSuchEntityException, c.get_policy, PolicyArn=POLICY)
refused(errors.NoSuchEntityException, c.get_role, RoleName=ROLE)
