"""Scheduled rules, with boto3: every operation, without waiting for a run."""

from belfry import client, refused, same

events = client("events")
scope = "us-east-1:000000000000"
rule = f"arn:aws:events:{scope}:rule/nightly"
queue, function = f"arn:aws:sqs:{scope}:inbox", f"arn:aws:lambda:{scope}:function:report"


def members(answer):
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def tags():
    return events.list_tags_for_resource(ResourceARN=rule)["Tags"]


# A rule, read back as it was written.
same(events.put_rule(Name="nightly", ScheduleExpression="cron(0 3 * * ? *)", Description="d", Tags=[{"Key": "team", "Value": "x"}])["RuleArn"], rule)
whole = {"Name": "nightly", "Arn": rule, "ScheduleExpression": "cron(0 3 * * ? *)", "State": "ENABLED",
         "Description": "d", "EventBusName": "default", "CreatedBy": "000000000000"}
same(members(events.describe_rule(Name="nightly")), whole)
same(members(events.describe_rule(Name="nightly", EventBusName="default")), whole)
same(tags(), [{"Key": "team", "Value": "x"}])

# Targets.
targets = [
    {"Id": "a", "Arn": function, "Input": '{"task_type": "daily_sales"}', "RetryPolicy": {"MaximumRetryAttempts": 1},
     "DeadLetterConfig": {"Arn": queue}},
    {"Id": "b", "Arn": queue, "InputPath": "$.detail"},
    {"Id": "c", "Arn": queue + ".fifo", "SqsParameters": {"MessageGroupId": "g"},
     "InputTransformer": {"InputPathsMap": {"t": "$.time"}, "InputTemplate": '{"at": <t>}'}},
]
same(members(events.put_targets(Rule="nightly", Targets=targets)), {"FailedEntryCount": 0, "FailedEntries": []})
same(events.list_targets_by_rule(Rule="nightly", Limit=100)["Targets"], targets)
targets[1] = {"Id": "b", "Arn": queue}
events.put_targets(Rule="nightly", Targets=[targets[1]])
same(events.list_targets_by_rule(Rule="nightly")["Targets"], targets)

# Put again: what is left out is cleared, the targets and the tags stay.
events.put_rule(Name="nightly", ScheduleExpression="rate(5 minutes)", State="DISABLED", Tags=[{"Key": "no", "Value": "no"}])
got = events.describe_rule(Name="nightly")
same((got["ScheduleExpression"], got["State"], "Description" in got), ("rate(5 minutes)", "DISABLED", False))
same(events.list_targets_by_rule(Rule="nightly")["Targets"], targets)
events.enable_rule(Name="nightly")
same(events.describe_rule(Name="nightly")["State"], "ENABLED")
events.disable_rule(Name="nightly")
same(events.describe_rule(Name="nightly")["State"], "DISABLED")
events.put_rule(Name="nightly", ScheduleExpression="rate(5 minutes)")
same(events.describe_rule(Name="nightly")["State"], "ENABLED")
events.tag_resource(ResourceARN=rule, Tags=[{"Key": "a", "Value": "1"}])
events.untag_resource(ResourceARN=rule, TagKeys=["team"])
same(tags(), [{"Key": "a", "Value": "1"}])

# Lists.
for name in ("other-1", "other-2"):
    events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
pages = events.get_paginator("list_rules").paginate(PaginationConfig={"PageSize": 2})
same([r["Name"] for page in pages for r in page["Rules"]], ["nightly", "other-1", "other-2"])
same([r["Name"] for r in events.list_rules(NamePrefix="other")["Rules"]], ["other-1", "other-2"])
same(events.list_rule_names_by_target(TargetArn=queue)["RuleNames"], ["nightly"])
same(events.list_event_buses()["EventBuses"][0]["Name"], "default")
same(events.describe_event_bus()["Arn"], f"arn:aws:events:{scope}:event-bus/default")
same(client("scheduler").list_schedules()["Schedules"], [])

# Refusals.
invalid = "ValidationException"
for expression in ("rate(1 minutes)", "rate(5 minute)", "RATE(5 minutes)", "cron(0 12 * * ?)", "at(2030-01-01T00:00:00)"):
    same(refused(invalid, events.put_rule, Name="x", ScheduleExpression=expression), "Parameter ScheduleExpression is not valid.")
same(refused(invalid, events.put_rule, Name="x"), "Parameter(s) EventPattern or ScheduleExpression must be specified")
assert "scheduled rules only" in refused(invalid, events.put_rule, Name="x", EventPattern='{"source": ["a"]}')
same(refused(invalid, events.put_rule, Name="x", ScheduleExpression="rate(1 day)", EventBusName="bus"),
     "ScheduleExpression is supported only on the default event bus.")
for bad, message in (
    ({"Input": "{"}, "JSON syntax error in input for target x"),
    ({"Input": "{}", "InputPath": "$.a"}, "Only one of Input, InputPath, or InputTransformer must be provided for target x."),
    ({"InputPath": "a"}, "InputPath for target x is invalid."),
    ({"InputTransformer": {"InputTemplate": '"<notThere>"'}}, "InputTemplate for target x contains invalid placeholder notThere."),
    ({"InputTransformer": {"InputTemplate": '"<aws.events.event.json>"'}},
     "InputTemplate for target x contains placeholder aws.events.event.json valid only for JSON template"),
    ({"KinesisParameters": {"PartitionKeyPath": "$.id"}}, "Parameter(s) KinesisParameters not supported for target: x"),
    ({"DeadLetterConfig": {"Arn": f"arn:aws:sns:{scope}:t"}}, "sns is not supported as a dead letter resource"),
    ({"DeadLetterConfig": {"Arn": queue + ".fifo"}}, "SQS FIFO is not supported by Dead Letter Queues"),
    ({"Arn": f"arn:aws:states:{scope}:stateMachine:m"}, f"RoleArn is required for target arn:aws:states:{scope}:stateMachine:m"),
    ({"Arn": f"arn:aws:ecs:{scope}:cluster/c", "RoleArn": "arn:aws:iam::000000000000:role/r"},
     "Parameter(s) EcsParameters must be specified for target: x"),
    ({"Arn": "x"}, "Parameter x is not valid. Reason: Provided Arn is not in correct format."),
):
    same(refused(invalid, events.put_targets, Rule="nightly", Targets=[{"Id": "x", "Arn": queue, **bad}]), message)
same(refused("LimitExceededException", events.put_targets, Rule="nightly", Targets=[{"Id": i, "Arn": queue} for i in "xyz"]),
     "The requested resource exceeds the maximum number allowed.")
same(refused("ResourceNotFoundException", events.put_targets, Rule="nobody", Targets=targets), "Rule nobody does not exist on EventBus default.")
same(refused("ResourceNotFoundException", events.describe_rule, Name="nightly", EventBusName="bus"), "Event bus bus does not exist.")
same(events.list_targets_by_rule(Rule="nightly")["Targets"], targets)

# Away with it.
same(refused(invalid, events.delete_rule, Name="nightly"), "Rule can't be deleted since it has targets.")
same(events.remove_targets(Rule="nightly", Ids=["a", "b", "c"])["FailedEntryCount"], 0)
for _ in range(2):
    events.delete_rule(Name="nightly")
same(refused("ResourceNotFoundException", events.describe_rule, Name="nightly"), "Rule nightly does not exist on EventBus default.")
