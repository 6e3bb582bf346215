"""Renders the orders of a day as a page of HTML, and puts it into a store.

The orders are items of a table with the key "day" and the sort key "id"; the
store is whatever takes PUT: a web server, an object store, a wiki. The page's
name is that of the day, so that a run that comes twice writes the same page
again. Needs boto3, as Lambda's own Python has it.
"""

import datetime
import html
import logging
import os
import pathlib
import urllib.request

import boto3
from boto3.dynamodb.conditions import Key

log = logging.getLogger()
log.setLevel(logging.INFO)

# boto3 before 1.28 does not look at AWS_ENDPOINT_URL by itself.
dynamodb = boto3.resource("dynamodb", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
orders = dynamodb.Table(os.environ["TABLE"])
store = os.environ["STORE_URL"].rstrip("/")

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Orders of {day}</title>
<h1>Orders of {day}</h1>
<table>
<tr><th>order<th>customer<th>amount
{rows}
<tr><th colspan="2">total<th>{total:.2f}
</table>
"""


def orders_of(day):
    """Yields the orders of a day, page by page."""
    page = {}
    while True:
        answer = orders.query(KeyConditionExpression=Key("day").eq(day), **page)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def render(day, path):
    """Writes the page to a file, row by row, and returns how many there are."""
    rows, total = [], 0
    for o in orders_of(day):
        total += o["amount"]
        rows.append(f"<tr><td>{html.escape(o['id'])}<td>{html.escape(o['customer'])}<td>{o['amount']:.2f}")
    path.write_text(PAGE.format(day=day, rows="\n".join(rows), total=total), encoding="utf-8")
    return len(rows)


def put(path, url):
    """Sends the file; an answer that is no 2xx is an error, and the run is tried again."""
    with path.open("rb") as page:
        request = urllib.request.Request(
            url,
            data=page,
            method="PUT",
            headers={"Content-Type": "text/html; charset=utf-8", "Content-Length": str(path.stat().st_size)},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            log.info("PUT %s: %d", url, answer.status)


def handler(event, context):
    """Reports on the day before the scheduled time, or on the event's own "day"."""
    day = event.get("day")
    if day is None:
        scheduled = datetime.datetime.fromisoformat(event["scheduled_time"].replace("Z", "+00:00"))
        day = (scheduled.date() - datetime.timedelta(days=1)).isoformat()
    path = pathlib.Path("/tmp", f"orders-{day}.html")
    try:
        rows = render(day, path)
        url = f"{store}/{path.name}"
        put(path, url)
    finally:
        path.unlink(missing_ok=True)
    return {"day": day, "orders": rows, "page": url}
