"""Deletes the sessions of a web site whose time is over, from a table.

The table's items have the key "id" and a number "expires_at", in Unix seconds.
Needs boto3, as Lambda's own Python has it.
"""

import logging
import os
import time

import boto3
from botocore.exceptions import ClientError

log = logging.getLogger()
log.setLevel(logging.INFO)

# boto3 before 1.28 does not look at AWS_ENDPOINT_URL by itself.
dynamodb = boto3.resource("dynamodb", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
sessions = dynamodb.Table(os.environ["TABLE"])

# Stop while there is time to answer; the next run goes on.
RESERVE_MS = 5000


def expired(now):
    """Yields the ids of sessions that are over, page by page."""
    page = {}
    while True:
        answer = sessions.scan(
            ProjectionExpression="id",
            FilterExpression="expires_at < :now",
            ExpressionAttributeValues={":now": now},
            **page,
        )
        yield from (item["id"] for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def delete(session, now):
    """Deletes a session unless somebody has renewed it since it was found.

    So it does no harm when a run comes twice, or two at once.
    """
    try:
        sessions.delete_item(
            Key={"id": session},
            ConditionExpression="expires_at < :now",
            ExpressionAttributeValues={":now": now},
        )
    except ClientError as e:
        if e.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False  # renewed, or gone already
        raise
    return True


def handler(event, context):
    """Answers how many sessions were deleted, and whether all that were over."""
    now = int(time.time()) - int(event.get("keep_seconds", 0))
    deleted, complete = 0, True
    for session in expired(now):
        if context.get_remaining_time_in_millis() < RESERVE_MS:
            complete = False
            break
        deleted += delete(session, now)
    log.info("deleted %d sessions%s", deleted, "" if complete else ", and there are more")
    return {"deleted": deleted, "complete": complete}
