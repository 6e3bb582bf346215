"""What scheduler_before.py left, after the server was killed and started again."""

import json
import sys

from belfry import ACCOUNT, ROLE, client, eventually, refused, same

schedules = client("scheduler")
queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:inbox"
before = json.load(open(sys.argv[1]))


def plain(name, **more):
    return dict(Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": queue, "RoleArn": ROLE}, **more)


# A position in a list.
page = schedules.list_schedules(GroupName="reports", NextToken=before["page"])
same([s["Name"] for s in page["Schedules"]], before["rest"])
assert "NextToken" not in page

# Tokens: the same request replays, even for what is gone; another is refused.
same(schedules.create_schedule(**plain("once", ClientToken="t"))["ScheduleArn"], before["made"])
same(schedules.get_schedule(Name="once")["Description"], "edited")
schedules.create_schedule(**plain("gone", ClientToken="gone"))
schedules.delete_schedule(Name="gone", ClientToken="gone")
refused("ResourceNotFoundException", schedules.get_schedule, Name="gone")
refused("ConflictException", schedules.create_schedule, **plain("twice", ClientToken="t"))
schedules.delete_schedule_group(Name="doomed", ClientToken="doomed")
same(schedules.list_tags_for_resource(ResourceArn=before["arn"])["Tags"], [{"Key": "team", "Value": "a b"}, {"Key": "y", "Value": "2"}])


# The deletion goes on.
def gone():
    return all(g["Name"] != "doomed" for g in schedules.list_schedule_groups()["ScheduleGroups"])


eventually("the group is gone", 60, gone)
same(refused("ResourceNotFoundException", schedules.get_schedule_group, Name="doomed"), "Schedule group doomed does not exist.")
same(refused("ResourceNotFoundException", schedules.list_schedules, GroupName="doomed"), "Schedule group doomed does not exist.")
same(len(schedules.list_schedules()["Schedules"]), 13)

# The quota that the server was started with: 14 schedules, and the count was kept.
schedules.create_schedule(**plain("last"))
refused("ServiceQuotaExceededException", schedules.create_schedule, **plain("beyond"))
schedules.delete_schedule(Name="last")
schedules.create_schedule(**plain("beyond"))
schedules.create_schedule_group(Name="second")
refused("ServiceQuotaExceededException", schedules.create_schedule_group, Name="third")
