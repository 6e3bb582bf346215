"""EventBridge rules with boto3."""

import json

from certify import ACCOUNT, REGION, client, pages, refused, same

c = client("events")
errors = c.exceptions
ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"


def validation(call, **arguments):
    """ValidationException is not modelled, so boto3 has no class for it."""
    r = refused(errors.ClientError, call, **arguments)
    same(r["Error"]["Code"], "ValidationException")
    return r["Error"]["Message"]


def rules():
    arn = c.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)", State="DISABLED", Description="d", Tags=[{"Key": "team", "Value": "a"}])["RuleArn"]
    same(arn, ARN + "hourly")
    c.put_rule(Name="daily", ScheduleExpression="cron(0 8 * * ? *)")
    got = c.describe_rule(Name="hourly")
    same((got["Arn"], got["State"], got["ScheduleExpression"], got["Description"]), (arn, "DISABLED", "rate(1 hour)", "d"))
    c.enable_rule(Name="hourly")
    same(c.describe_rule(Name="hourly")["State"], "ENABLED")
    c.disable_rule(Name="hourly")
    c.put_rule(Name="hourly", ScheduleExpression="rate(2 hours)", State="DISABLED")
    same("Description" in c.describe_rule(Name="hourly"), False)
    same([r["Name"] for r in pages(c, "list_rules", "Rules", 1)], ["daily", "hourly"])
    c.tag_resource(ResourceARN=arn, Tags=[{"Key": "x", "Value": "y"}])
    c.untag_resource(ResourceARN=arn, TagKeys=["team"])
    same(c.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "x", "Value": "y"}])
    validation(c.put_rule, Name="bad", ScheduleExpression="rate(1 hours)")
    validation(c.put_rule, Name="bad")
    validation(c.put_rule, Name="bad", EventPattern='{"source": ["a"]}')  # rules are scheduled ones here
    refused(errors.ResourceNotFoundException, c.describe_rule, Name="absent")
    refused(errors.ResourceNotFoundException, c.put_targets, Rule="absent", Targets=[{"Id": "a", "Arn": QUEUE}])


def targets():
    targets = [{"Id": str(i), "Arn": QUEUE, "Input": json.dumps({"n": i})} for i in range(3)]
    same(c.put_targets(Rule="hourly", Targets=targets)["FailedEntryCount"], 0)
    same(pages(c, "list_targets_by_rule", "Targets", 2, Rule="hourly"), targets)
    same(pages(c, "list_rule_names_by_target", "RuleNames", 1, TargetArn=QUEUE), ["hourly"])
    validation(c.put_targets, Rule="hourly", Targets=[{"Id": "a", "Arn": QUEUE, "Input": "{"}])
    refused(errors.LimitExceededException, c.put_targets, Rule="hourly", Targets=[{"Id": f"x{i}", "Arn": QUEUE} for i in range(6)])
    same(validation(c.delete_rule, Name="hourly"), "Rule can't be deleted since it has targets.")
    same(c.remove_targets(Rule="hourly", Ids=["0", "1", "2"])["FailedEntryCount"], 0)


def buses():
    same(c.describe_event_bus()["Name"], "default")
    same([b["Name"] for b in c.list_event_buses()["EventBuses"]], ["default"])


rules()
targets()
buses()
for name in ("hourly", "daily", "daily"):  # a rule that is not there is no error
    c.delete_rule(Name=name)
refused(errors.ResourceNotFoundException, c.describe_rule, Name="hourly")
