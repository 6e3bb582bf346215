"""The Scheduler API before the server is killed; scheduler_after.py goes on.

Argument: the file that tells the other one what was there."""

import json
import sys

from belfry import ACCOUNT, ROLE, client, eventually, refused, same

schedules = client("scheduler")
queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:inbox"


def plain(name, **more):
    return dict(Name=name, ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": queue, "RoleArn": ROLE}, **more)


# Groups and their tags.
arn = schedules.create_schedule_group(Name="reports", Tags=[{"Key": "team", "Value": "a b"}], ClientToken="g")["ScheduleGroupArn"]
same(schedules.create_schedule_group(Name="reports", Tags=[{"Key": "team", "Value": "a b"}], ClientToken="g")["ScheduleGroupArn"], arn)
refused("ConflictException", schedules.create_schedule_group, Name="reports")
refused("ConflictException", schedules.create_schedule_group, Name="other", ClientToken="g")
group = schedules.get_schedule_group(Name="reports")
same((group["Arn"], group["State"], group["CreationDate"]), (arn, "ACTIVE", group["LastModificationDate"]))
schedules.tag_resource(ResourceArn=arn, Tags=[{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}])
schedules.untag_resource(ResourceArn=arn, TagKeys=["x", "unknown"])
same(schedules.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "a b"}, {"Key": "y", "Value": "2"}])
refused("ResourceNotFoundException", schedules.list_tags_for_resource, ResourceArn=arn + "x")
refused("ValidationException", schedules.list_tags_for_resource, ResourceArn=f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/reports/x")

# Schedules in pages.
for i in range(12):
    schedules.create_schedule(**plain(f"s-{i:02}", GroupName="reports", State="ENABLED" if i % 2 else "DISABLED"))
names = [f"s-{i:02}" for i in range(12)]
for size in (1, 5, 12, 100):
    pages = schedules.get_paginator("list_schedules").paginate(GroupName="reports", NamePrefix="s-", PaginationConfig={"PageSize": size})
    same([s["Name"] for page in pages for s in page["Schedules"]], names)
same([s["Name"] for s in schedules.list_schedules(GroupName="reports", State="DISABLED")["Schedules"]], names[::2])
same([g["Name"] for page in schedules.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
      for g in page["ScheduleGroups"]], ["default", "reports"])
first = schedules.list_schedules(GroupName="reports", MaxResults=7)
refused("ValidationException", schedules.list_schedules, GroupName="reports", State="ENABLED", NextToken=first["NextToken"])
refused("ValidationException", schedules.list_schedule_groups, NextToken=first["NextToken"])
refused("ValidationException", schedules.list_schedules, NextToken=first["NextToken"][:-2] + "xx")
refused("ValidationException", schedules.list_schedules, MaxResults=101)

# Tokens.
made = schedules.create_schedule(**plain("once", ClientToken="t"))["ScheduleArn"]
schedules.update_schedule(**plain("once", ClientToken="t", Description="edited"))
refused("ConflictException", schedules.update_schedule, **plain("once", ClientToken="t"))
refused("ConflictException", schedules.create_schedule, **plain("twice", ClientToken="t"))
schedules.create_schedule(**plain("gone", ClientToken="gone"))
schedules.delete_schedule(Name="gone", ClientToken="gone")

# A group that goes with all that is in it.
schedules.create_schedule_group(Name="doomed")
for i in range(300):
    schedules.create_schedule(**plain(f"d-{i}", GroupName="doomed"))
schedules.delete_schedule_group(Name="doomed", ClientToken="doomed")

json.dump({"page": first["NextToken"], "rest": names[7:], "made": made, "arn": arn}, open(sys.argv[1], "w"))
