"""The daily report of a small shop: one function, three kinds of task.

A schedule's Input says which: {"task_type": "daily_sales", "format": "pdf"}.
Needs nothing but Python's standard library.
"""

import datetime
import json
import logging
import random

log = logging.getLogger()
log.setLevel(logging.INFO)

SHOPS = ("Harbour", "Market Square", "Old Town")


class UpstreamUnavailable(Exception):
    """The system that we export to does not answer."""


def daily_sales(event, day):
    """Adds up yesterday's sales, shop by shop."""
    rows = [{"shop": shop, "sales": _sales(shop, day)} for shop in SHOPS]
    for row in rows:
        log.info("%s sold for %.2f", row["shop"], row["sales"])
    return {
        "report": f"sales-{day}.{event.get('format', 'csv')}",
        "rows": len(rows),
        "total": round(sum(row["sales"] for row in rows), 2),
    }


def weekly_summary(event, day):
    """Compares the seven days up to yesterday with the seven before them."""

    def week(last):
        days = [last - datetime.timedelta(days=n) for n in range(7)]
        return sum(_sales(shop, d) for shop in SHOPS for d in days)

    now, before = week(day), week(day - datetime.timedelta(days=7))
    change = round(100 * (now - before) / before, 1)
    log.info("week up to %s: %.2f, %+.1f %% on the week before", day, now, change)
    return {"report": f"week-{day}.{event.get('format', 'csv')}", "total": round(now, 2), "change_percent": change}


def partner_export(event, day):
    """Sends the figures to a partner whose server is down: every try fails."""
    log.warning("exporting %s to %s", day, event.get("partner", "the partner"))
    raise UpstreamUnavailable("partner answered 503 Service Unavailable")


TASKS = {"daily_sales": daily_sales, "weekly_summary": weekly_summary, "partner_export": partner_export}


def handler(event, context):
    """Runs the task that the event names and returns its result as JSON."""
    task_type = event.get("task_type")
    task = TASKS.get(task_type)
    if task is None:
        raise ValueError(f"task_type is {task_type!r}, want one of {', '.join(TASKS)}")
    log.info("task %s, request %s", task_type, context.aws_request_id)
    day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    result = {"task_type": task_type, "day": day.isoformat(), **task(event, day)}
    log.info("done: %s", json.dumps(result))
    return result


def _sales(shop, day):
    """Stands in for a database: the same figure for the same shop and day."""
    return round(random.Random(f"{shop} {day}").uniform(800, 2400), 2)
