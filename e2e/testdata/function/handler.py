"""Three kinds of task, and a record outside of the process of what was run."""

import json
import logging
import os
import time

log = logging.getLogger()
log.setLevel(logging.INFO)

VERSION = 1


class UpstreamUnavailable(Exception):
    pass


def handler(event, context):
    task = event.get("task_type")
    log.info("task %s", task)
    record = {"event": event, "at": time.time(), "pid": os.getpid(), "request_id": context.aws_request_id}
    if os.environ.get("RECORD"):
        with open(os.environ["RECORD"], "a") as f:
            f.write(json.dumps(record) + "\n")
    if task == "daily_sales":
        return {"task_type": task, "version": VERSION, "format": event.get("format"), "greeting": os.environ.get("GREETING")}
    if task == "weekly_summary":
        return {"task_type": task, "version": VERSION, "weeks": 2}
    if task == "partner_export":
        raise UpstreamUnavailable("partner answered 503")
    if task == "sleep":
        time.sleep(event["seconds"])
        return {"slept": event["seconds"]}
    raise ValueError(f"unknown task_type {task!r}")
