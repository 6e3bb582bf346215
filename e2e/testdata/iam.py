"""IAM and STS with boto3 against a server that checks signatures."""

import json
import sys

from botocore.exceptions import ClientError

import belfry

ACCOUNT = sys.argv[1]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
SEND = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}


def refused(code, status, text, call, **kwargs):
    try:
        call(**kwargs)
    except ClientError as e:
        got = e.response
        assert got["Error"]["Code"] == code, got
        assert got["ResponseMetadata"]["HTTPStatusCode"] == status, got
        assert text in got["Error"]["Message"], got
        return
    raise AssertionError("%s was not refused with %s" % (kwargs, code))


iam, sts = belfry.client("iam"), belfry.client("sts")

who = sts.get_caller_identity()
assert (who["Account"], who["Arn"], who["UserId"]) == (ACCOUNT, "arn:aws:iam::%s:root" % ACCOUNT, ACCOUNT), who

# The role that every account has.
default = iam.get_role(RoleName="belfry")["Role"]
assert default["Arn"] == "arn:aws:iam::%s:role/belfry" % ACCOUNT, default
assert [r["RoleName"] for r in iam.list_roles()["Roles"]] == ["belfry"]
services = default["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
assert services == ["scheduler.amazonaws.com", "lambda.amazonaws.com", "events.amazonaws.com"], services

# A role's life.
made = iam.create_role(
    RoleName="app+role", Path="/team/", Description="täglich", AssumeRolePolicyDocument=json.dumps(TRUST),
    Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}],
)["Role"]
assert made["Arn"] == "arn:aws:iam::%s:role/team/app+role" % ACCOUNT, made
assert made["RoleId"].startswith("AROA") and len(made["RoleId"]) == 21, made
assert made["AssumeRolePolicyDocument"] == TRUST and "MaxSessionDuration" not in made, made
got = iam.get_role(RoleName="app+role")["Role"]
assert got["MaxSessionDuration"] == 3600 and got["RoleLastUsed"] == {}, got
assert got["Tags"] == [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}], got
assert got["Path"] == "/team/" and got["CreateDate"] == made["CreateDate"] and got["Description"] == "täglich", got
refused("EntityAlreadyExists", 409, "Role with name app+role already exists.", iam.create_role,
        RoleName="app+role", AssumeRolePolicyDocument=json.dumps(TRUST))
refused("NoSuchEntity", 404, "The role with name none cannot be found.", iam.get_role, RoleName="none")
refused("MalformedPolicyDocument", 400, "This policy contains invalid Json", iam.create_role,
        RoleName="bad", AssumeRolePolicyDocument="{")
refused("MalformedPolicyDocument", 400, "Invalid principal in policy", iam.create_role,
        RoleName="bad", AssumeRolePolicyDocument=json.dumps(TRUST).replace("scheduler.amazonaws.com", "nobody"))
refused("ValidationError", 400, "failed to satisfy constraint: Member must satisfy regular expression pattern", iam.create_role,
        RoleName="a b", AssumeRolePolicyDocument=json.dumps(TRUST))
refused("ValidationError", 400, "PermissionsBoundary", iam.create_role, RoleName="bad", AssumeRolePolicyDocument=json.dumps(TRUST),
        PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess")
refused("InvalidInput", 400, "Duplicate tag keys", iam.create_role, RoleName="bad", AssumeRolePolicyDocument=json.dumps(TRUST),
        Tags=[{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}])

iam.update_role(RoleName="app+role", MaxSessionDuration=7200)
iam.update_role_description(RoleName="app+role", Description="new")
changed = json.loads(json.dumps(TRUST).replace("scheduler", "lambda"))
iam.update_assume_role_policy(RoleName="app+role", PolicyDocument=json.dumps(changed))
got = iam.get_role(RoleName="app+role")["Role"]
assert (got["MaxSessionDuration"], got["Description"], got["AssumeRolePolicyDocument"]) == (7200, "new", changed), got
iam.tag_role(RoleName="app+role", Tags=[{"Key": "c", "Value": "3"}])
iam.untag_role(RoleName="app+role", TagKeys=["a"])
first = iam.list_role_tags(RoleName="app+role", MaxItems=1)
assert first["IsTruncated"] and [t["Key"] for t in first["Tags"]] == ["b"], first
rest = iam.list_role_tags(RoleName="app+role", Marker=first["Marker"])
assert not rest["IsTruncated"] and [t["Key"] for t in rest["Tags"]] == ["c"], rest
page = iam.list_roles(MaxItems=1)
assert page["IsTruncated"] and [r["RoleName"] for r in page["Roles"]] == ["app+role"], page
assert [r["RoleName"] for r in iam.list_roles(Marker=page["Marker"])["Roles"]] == ["belfry"]
assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/team/")["Roles"]] == ["app+role"]
assert iam.list_instance_profiles_for_role(RoleName="app+role")["InstanceProfiles"] == []

# Policies within it, and attached to it.
iam.put_role_policy(RoleName="app+role", PolicyName="send", PolicyDocument=json.dumps(SEND, indent=2))
inline = iam.get_role_policy(RoleName="app+role", PolicyName="send")
assert inline["PolicyDocument"] == SEND and inline["RoleName"] == "app+role", inline
assert iam.list_role_policies(RoleName="app+role")["PolicyNames"] == ["send"]
refused("NoSuchEntity", 404, "The role policy with name x cannot be found.", iam.get_role_policy, RoleName="app+role", PolicyName="x")
refused("MalformedPolicyDocument", 400, "Syntax errors in policy.", iam.put_role_policy,
        RoleName="app+role", PolicyName="x", PolicyDocument='{"Statement": 1}')
policy = iam.create_policy(PolicyName="shared", PolicyDocument=json.dumps(SEND), Description="d")["Policy"]
assert policy["Arn"] == "arn:aws:iam::%s:policy/shared" % ACCOUNT and policy["AttachmentCount"] == 0, policy
iam.attach_role_policy(RoleName="app+role", PolicyArn=policy["Arn"])
iam.attach_role_policy(RoleName="app+role", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
attached = iam.list_attached_role_policies(RoleName="app+role")["AttachedPolicies"]
assert [p["PolicyName"] for p in attached] == ["shared", "AWSLambdaBasicExecutionRole"], attached
assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"] == 1
version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
assert version["Document"] == SEND and version["IsDefaultVersion"], version
assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]] == ["v1"]
refused("EntityAlreadyExists", 409, "shared", iam.create_policy, PolicyName="shared", PolicyDocument=json.dumps(SEND))
refused("NoSuchEntity", 404, "does not exist or is not attachable.", iam.attach_role_policy,
        RoleName="app+role", PolicyArn="arn:aws:iam::%s:policy/none" % ACCOUNT)
refused("ValidationError", 400, "Invalid ARN:  Could not be parsed!", iam.attach_role_policy, RoleName="app+role", PolicyArn="x" * 20)

refused("DeleteConflict", 409, "", iam.delete_policy, PolicyArn=policy["Arn"])
refused("DeleteConflict", 409, "", iam.delete_role, RoleName="app+role")
for p in attached:
    iam.detach_role_policy(RoleName="app+role", PolicyArn=p["PolicyArn"])
refused("DeleteConflict", 409, "", iam.delete_role, RoleName="app+role")
iam.delete_role_policy(RoleName="app+role", PolicyName="send")
iam.delete_role(RoleName="app+role")
iam.delete_policy(PolicyArn=policy["Arn"])
refused("NoSuchEntity", 404, "cannot be found", iam.delete_role, RoleName="app+role")
refused("UnmodifiableEntity", 400, "belfry", iam.delete_role, RoleName="belfry")

# Temporary credentials do what their role's policies allow, and no more.
own = json.loads(json.dumps(TRUST).replace('"Service": "scheduler.amazonaws.com"', '"AWS": "%s"' % ACCOUNT))
role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(own))["Role"]
sqs = belfry.client("sqs")
mine, other = sqs.create_queue(QueueName="mine")["QueueUrl"], sqs.create_queue(QueueName="other")["QueueUrl"]
iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:%s:mine" % ACCOUNT}]}))
refused("AccessDenied", 403, "not authorized to perform: sts:AssumeRole", sts.assume_role,
        RoleArn="arn:aws:iam::%s:role/belfry" % ACCOUNT, RoleSessionName="me")
refused("ValidationError", 400, "is invalid", sts.assume_role, RoleArn="x" * 20, RoleSessionName="me")
refused("ValidationError", 400, "Policy is not available", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="me", Policy=json.dumps(SEND))
session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=900)
assert session["AssumedRoleUser"]["AssumedRoleId"] == role["RoleId"] + ":me", session
c = session["Credentials"]
assert c["AccessKeyId"].startswith("ASIA"), c["AccessKeyId"]
temporary = dict(aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
as_role = belfry.client("sts", **temporary).get_caller_identity()
assert as_role["Arn"] == "arn:aws:sts::%s:assumed-role/worker/me" % ACCOUNT, as_role
limited = belfry.client("sqs", **temporary)
limited.send_message(QueueUrl=mine, MessageBody="x")
batch = limited.send_message_batch(QueueUrl=mine, Entries=[{"Id": "a", "MessageBody": "y"}])
assert len(batch["Successful"]) == 1, batch
refused("AccessDenied", 403, "because no identity-based policy allows the sqs:SendMessage action", limited.send_message,
        QueueUrl=other, MessageBody="x")
refused("AccessDenied", 403, "sqs:ReceiveMessage", limited.receive_message, QueueUrl=mine)
refused("AccessDeniedException", 403, "scheduler:ListSchedules", belfry.client("scheduler", **temporary).list_schedules)
refused("AccessDenied", 403, "iam:ListRoles", belfry.client("iam", **temporary).list_roles)
broken = dict(temporary, aws_session_token=c["SessionToken"][:-8] + "AAAAAAA=")
refused("InvalidClientTokenId", 403, "", belfry.client("sts", **broken).get_caller_identity)
iam.delete_role_policy(RoleName="worker", PolicyName="p")
refused("AccessDenied", 403, "", limited.send_message, QueueUrl=mine, MessageBody="x")
iam.delete_role(RoleName="worker")
refused("InvalidClientTokenId", 403, "", limited.send_message, QueueUrl=mine, MessageBody="x")
