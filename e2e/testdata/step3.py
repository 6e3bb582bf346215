"""Schedules and groups, with boto3. Argument: the example's schedule.json."""

import datetime
import json
import sys

from belfry import ROLE, client, eventually, refused, same

schedules = client("scheduler")
example = json.load(open(sys.argv[1]))
queue = "arn:aws:sqs:us-east-1:000000000000:inbox"
client("sqs").create_queue(QueueName="inbox")
utc = datetime.timezone.utc


def members(answer):
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


# The daily report, read back as it was written.
arn = schedules.create_schedule(**example)["ScheduleArn"]
same(arn, "arn:aws:scheduler:us-east-1:000000000000:schedule/default/daily-report")
got = members(schedules.get_schedule(Name="daily-report"))
created, modified = got.pop("CreationDate"), got.pop("LastModificationDate")
assert abs((datetime.datetime.now(utc) - created).total_seconds()) < 60 and created == modified
same(got, {**example, "Arn": arn, "GroupName": "default", "State": "ENABLED", "ActionAfterCompletion": "NONE"})

# A client that tries again with its token gets the first answer; another does not.
again = {**example, "Name": "with-token", "ClientToken": "token-1"}
same(schedules.create_schedule(**again)["ScheduleArn"], schedules.create_schedule(**again)["ScheduleArn"])
same(refused("ConflictException", schedules.create_schedule, **example), "Schedule daily-report already exists.")

# Defaults, and an update that replaces everything.
plain = dict(Name="plain", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
             State="DISABLED", Target={"Arn": queue, "RoleArn": ROLE, "Input": "hello"})
end = datetime.datetime(2199, 1, 2, 3, 4, 5, tzinfo=utc)
schedules.create_schedule(**plain, Description="soon gone", EndDate=end)
got = schedules.get_schedule(Name="plain")
same((got["Description"], got["EndDate"], got["State"]), ("soon gone", end, "DISABLED"))
same(got["ScheduleExpressionTimezone"], "UTC")
same(got["Target"]["RetryPolicy"], {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
schedules.update_schedule(**{**plain, "ScheduleExpression": "cron(0 3 ? * MON#1 *)"})
got = schedules.get_schedule(Name="plain")
assert "Description" not in got and "EndDate" not in got, got
same((got["ScheduleExpression"], got["State"]), ("cron(0 3 ? * MON#1 *)", "DISABLED"))

# One-time schedules, with and without deletion.
later = (datetime.datetime.now(utc) + datetime.timedelta(days=400)).strftime("at(%Y-%m-%dT%H:%M:%S)")
for name, action in (("once-kept", "NONE"), ("once-deleted", "DELETE")):
    schedules.create_schedule(**{**plain, "Name": name, "State": "ENABLED", "ScheduleExpression": later,
                                 "ActionAfterCompletion": action})
    same(schedules.get_schedule(Name=name)["ActionAfterCompletion"], action)

# Groups, their tags, and what is in them.
group = schedules.create_schedule_group(Name="nightly", Tags=[{"Key": "team", "Value": "reports"}])["ScheduleGroupArn"]
same(group, "arn:aws:scheduler:us-east-1:000000000000:schedule-group/nightly")
same(schedules.get_schedule_group(Name="nightly")["State"], "ACTIVE")
schedules.tag_resource(ResourceArn=group, Tags=[{"Key": "cost", "Value": "12"}])
schedules.untag_resource(ResourceArn=group, TagKeys=["team"])
same(schedules.list_tags_for_resource(ResourceArn=group)["Tags"], [{"Key": "cost", "Value": "12"}])
same([g["Name"] for g in schedules.list_schedule_groups()["ScheduleGroups"]], ["default", "nightly"])
schedules.create_schedule(**{**plain, "GroupName": "nightly"})
same(schedules.get_schedule(Name="plain", GroupName="nightly")["Arn"],
     "arn:aws:scheduler:us-east-1:000000000000:schedule/nightly/plain")


def names(**filters):
    pages = schedules.get_paginator("list_schedules").paginate(**filters, PaginationConfig={"PageSize": 2})
    return [(s["GroupName"], s["Name"]) for page in pages for s in page["Schedules"]]


same(names(), [("default", n) for n in ("daily-report", "once-deleted", "once-kept", "plain", "with-token")] + [("nightly", "plain")])
same(names(GroupName="nightly"), [("nightly", "plain")])
same(names(NamePrefix="once"), [("default", "once-deleted"), ("default", "once-kept")])
same(names(State="DISABLED"), [("default", "plain"), ("nightly", "plain")])

schedules.delete_schedule_group(Name="nightly")


def gone():
    try:
        return schedules.get_schedule_group(Name="nightly")["State"] not in ("ACTIVE", "DELETING")
    except schedules.exceptions.ResourceNotFoundException:
        return True


eventually("the group is gone", 30, gone)
refused("ResourceNotFoundException", schedules.get_schedule, Name="plain", GroupName="nightly")
schedules.delete_schedule(Name="plain")
same(refused("ResourceNotFoundException", schedules.get_schedule, Name="plain"), "Schedule plain does not exist.")
refused("ResourceNotFoundException", schedules.delete_schedule, Name="plain")
same(refused("ValidationException", schedules.delete_schedule_group, Name="default"),
     "This operation cannot be performed on schedule group default.")
same(refused("ValidationException", schedules.create_schedule, **{**plain, "ScheduleExpression": "cron(0 8 * * * *)"}),
     "Invalid Schedule Expression cron(0 8 * * * *).")
assert "must be provided when FlexibleTimeWindowMode is set to FLEXIBLE" in refused(
    "ValidationException", schedules.create_schedule, **{**plain, "FlexibleTimeWindow": {"Mode": "FLEXIBLE"}})
refused("ResourceNotFoundException", schedules.create_schedule, **{**plain, "GroupName": "nowhere"})
same(len(names()), 4)
