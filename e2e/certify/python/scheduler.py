"""EventBridge Scheduler with boto3."""

from datetime import datetime, timezone

from certify import ACCOUNT, REGION, client, eventually, pages, refused, same

c = client("scheduler")
errors = c.exceptions
GROUP = "reports"
TARGET = {
    "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
    "Input": "<aws.scheduler.scheduled-time>",
    "RetryPolicy": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
}
START = datetime(2030, 1, 1, tzinfo=timezone.utc)


def groups():
    arn = c.create_schedule_group(Name=GROUP, Tags=[{"Key": "team", "Value": "a"}])["ScheduleGroupArn"]
    same(arn, f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}")
    got = c.get_schedule_group(Name=GROUP)
    same((got["Arn"], got["State"]), (arn, "ACTIVE"))
    same([g["Name"] for g in pages(c, "list_schedule_groups", "ScheduleGroups", 1)], ["default", GROUP])
    c.tag_resource(ResourceArn=arn, Tags=[{"Key": "x", "Value": "y"}])
    c.untag_resource(ResourceArn=arn, TagKeys=["team", "absent"])
    same(c.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "x", "Value": "y"}])
    refused(errors.ConflictException, c.create_schedule_group, Name=GROUP)
    refused(errors.ResourceNotFoundException, c.list_tags_for_resource, ResourceArn=arn + "-absent")


def create(name, **more):
    arguments = {
        "Name": name, "GroupName": GROUP, "ScheduleExpression": "rate(1 hour)", "State": "DISABLED", "StartDate": START,
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}, "Target": TARGET,
    }
    return c.create_schedule(**{**arguments, **more})


def schedules():
    for i in range(5):
        same(create(f"s{i}")["ScheduleArn"], f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{GROUP}/s{i}")
    got = c.get_schedule(Name="s0", GroupName=GROUP)
    same(got["Target"], TARGET)
    same((got["StartDate"], got["ScheduleExpressionTimezone"]), (START, "UTC"))
    c.update_schedule(Name="s0", GroupName=GROUP, ScheduleExpression="cron(0 8 ? * MON-FRI *)", State="DISABLED",
                      FlexibleTimeWindow={"Mode": "OFF"}, Target=TARGET)
    got = c.get_schedule(Name="s0", GroupName=GROUP)
    same((got["ScheduleExpression"], got["FlexibleTimeWindow"], "StartDate" in got), ("cron(0 8 ? * MON-FRI *)", {"Mode": "OFF"}, False))
    same([s["Name"] for s in pages(c, "list_schedules", "Schedules", 2, GroupName=GROUP)], [f"s{i}" for i in range(5)])
    refused(errors.ConflictException, create, name="s0", Description="another")
    refused(errors.ValidationException, create, name="bad", ScheduleExpression="cron(0 25 * * ? *)")
    refused(errors.ValidationException, create, name="bad", ScheduleExpressionTimezone="Moon/Crater")
    refused(errors.ResourceNotFoundException, create, name="s", GroupName="absent")
    c.delete_schedule(Name="s0", GroupName=GROUP)
    refused(errors.ResourceNotFoundException, c.get_schedule, Name="s0", GroupName=GROUP)
    refused(errors.ResourceNotFoundException, c.delete_schedule, Name="s0", GroupName=GROUP)


def gone():
    try:
        same(c.get_schedule_group(Name=GROUP)["State"], "DELETING")
    except errors.ResourceNotFoundException:
        return True
    return False


groups()
schedules()
c.delete_schedule_group(Name=GROUP)
eventually("the group is gone", gone)
refused(errors.ValidationException, c.delete_schedule_group, Name="default")
