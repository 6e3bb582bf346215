"""CloudWatch Logs with boto3."""

import time

from certify import client, pages, refused, same

c = client("logs")
errors = c.exceptions
GROUP = {"logGroupName": "reports"}
STREAM = {**GROUP, "logStreamName": "s"}


def groups():
    c.create_log_group(tags={"team": "a"}, **GROUP)
    refused(errors.ResourceAlreadyExistsException, c.create_log_group, **GROUP)
    refused(errors.InvalidParameterException, c.create_log_group, logGroupName="other", logGroupClass="INFREQUENT_ACCESS")
    c.put_retention_policy(retentionInDays=7, **GROUP)
    refused(errors.InvalidParameterException, c.put_retention_policy, retentionInDays=2, **GROUP)
    (group,) = pages(c, "describe_log_groups", "logGroups", 1, logGroupNamePrefix="rep")
    same((group["logGroupName"], group["retentionInDays"], group["arn"]), ("reports", 7, group["logGroupArn"] + ":*"))
    c.delete_retention_policy(**GROUP)
    same("retentionInDays" in c.describe_log_groups()["logGroups"][0], False)

    arn = {"resourceArn": group["logGroupArn"]}
    c.tag_resource(tags={"x": "y"}, **arn)
    c.untag_resource(tagKeys=["team"], **arn)
    same(c.list_tags_for_resource(**arn)["tags"], {"x": "y"})
    c.tag_log_group(tags={"team": "b"}, **GROUP)
    c.untag_log_group(tags=["x"], **GROUP)
    same(c.list_tags_log_group(**GROUP)["tags"], {"team": "b"})


def events():
    refused(errors.ResourceNotFoundException, c.get_log_events, **STREAM)
    c.create_log_stream(**STREAM)
    refused(errors.ResourceAlreadyExistsException, c.create_log_stream, **STREAM)
    now = int(time.time() * 1000)
    messages = ["INFO a", "ERROR b", "ERROR ü"]
    c.put_log_events(logEvents=[{"timestamp": now + i, "message": m} for i, m in enumerate(messages)], **STREAM)
    (stream,) = pages(c, "describe_log_streams", "logStreams", 1, **GROUP)
    same((stream["logStreamName"], stream["firstEventTimestamp"], stream["lastEventTimestamp"]), ("s", now, now + 2))
    same([e["message"] for e in c.get_log_events(startFromHead=True, **STREAM)["events"]], messages)
    same([e["message"] for e in c.get_log_events(limit=1, **STREAM)["events"]], messages[2:])
    found = pages(c, "filter_log_events", "events", 1, filterPattern="ERROR", **GROUP)
    same([(e["logStreamName"], e["timestamp"], e["message"]) for e in found], [("s", now + 1, "ERROR b"), ("s", now + 2, "ERROR ü")])
    refused(errors.InvalidParameterException, c.filter_log_events, filterPattern="[a, b]", **GROUP)


groups()
events()
c.delete_log_stream(**STREAM)
c.delete_log_group(**GROUP)
refused(errors.ResourceNotFoundException, c.describe_log_streams, **GROUP)
