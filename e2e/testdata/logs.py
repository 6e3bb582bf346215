"""Uses CloudWatch Logs as programs do; ends with 0 when all that it asserts is true."""
import os
import time

import boto3
from botocore.exceptions import ClientError

c = boto3.client("logs", endpoint_url=os.environ.get("BELFRY_TEST_ENDPOINT"))


def refused(code, call, **kw):
    try:
        call(**kw)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
    else:
        raise AssertionError("%s was not refused" % call.__name__)


now = int(time.time() * 1000)
c.create_log_group(logGroupName="own/group", tags={"team": "a"})
refused("ResourceAlreadyExistsException", c.create_log_group, logGroupName="own/group")
refused("InvalidParameterException", c.create_log_group, logGroupName="a b")
c.put_retention_policy(logGroupName="own/group", retentionInDays=7)
refused("InvalidParameterException", c.put_retention_policy, logGroupName="own/group", retentionInDays=2)
(group,) = c.describe_log_groups(logGroupNamePrefix="own/")["logGroups"]
assert group["retentionInDays"] == 7 and group["arn"].endswith(":log-group:own/group:*"), group
c.delete_retention_policy(logGroupName="own/group")
assert "retentionInDays" not in c.describe_log_groups(logGroupNamePattern="n/g")["logGroups"][0]
arn = group["arn"][:-2]
c.tag_resource(resourceArn=arn, tags={"x": "y"})
c.untag_resource(resourceArn=arn, tagKeys=["team"])
assert c.list_tags_for_resource(resourceArn=arn)["tags"] == {"x": "y"}

refused("ResourceNotFoundException", c.put_log_events, logGroupName="own/group", logStreamName="s",
        logEvents=[{"timestamp": now, "message": "m"}])
for name in ("s", "t"):
    c.create_log_stream(logGroupName="own/group", logStreamName=name)
answer = c.put_log_events(logGroupName="own/group", logStreamName="s", logEvents=[
    {"timestamp": now + i, "message": '{"n": %d, "level": "%s"}' % (i, "ERROR" if i == 3 else "INFO")} for i in range(5)])
assert "rejectedLogEventsInfo" not in answer, answer
answer = c.put_log_events(logGroupName="own/group", logStreamName="t", logEvents=[{"timestamp": now + 3 * 3600_000, "message": "ahead"}])
assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}, answer
streams = c.describe_log_streams(logGroupName="own/group", orderBy="LastEventTime", descending=True)["logStreams"]
assert [s["logStreamName"] for s in streams] == ["s", "t"] and streams[0]["lastEventTimestamp"] == now + 4, streams

# Both ways through a stream.
of = dict(logGroupName="own/group", logStreamName="s")
page = c.get_log_events(limit=2, **of)
assert [e["timestamp"] - now for e in page["events"]] == [3, 4], page
older = c.get_log_events(limit=2, nextToken=page["nextBackwardToken"], **of)
assert [e["timestamp"] - now for e in older["events"]] == [1, 2], older
end = c.get_log_events(nextToken=page["nextForwardToken"], **of)
assert not end["events"] and end["nextForwardToken"] == page["nextForwardToken"], end
first = c.get_log_events(limit=2, startFromHead=True, **of)
assert [e["timestamp"] - now for e in first["events"]] == [0, 1], first
assert len(c.get_log_events(startFromHead=True, startTime=now + 1, endTime=now + 3, **of)["events"]) == 2

# As aws logs tail of version 2 does it.
seen, token = [], {}
while True:
    page = c.filter_log_events(logGroupName="own/group", startTime=now, interleaved=True, limit=2, **token)
    seen += page["events"]
    if "nextToken" not in page:
        break
    token = {"nextToken": page["nextToken"]}
assert len(seen) == 5 and len({e["eventId"] for e in seen}) == 5, seen
assert len(c.filter_log_events(logGroupName="own/group", startTime=now + 1, endTime=now + 3)["events"]) == 3
(found,) = c.filter_log_events(logGroupName="own/group", filterPattern='{ $.level = "ERR*" && $.n > 2 }')["events"]
assert found["logStreamName"] == "s"
refused("InvalidParameterException", c.filter_log_events, logGroupName="own/group", filterPattern="[a, b]")

c.delete_log_stream(logGroupName="own/group", logStreamName="s")
assert not c.filter_log_events(logGroupName="own/group")["events"]
c.delete_log_group(logGroupName="own/group")
refused("ResourceNotFoundException", c.describe_log_streams, logGroupName="own/group")
