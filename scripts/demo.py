#!/usr/bin/env python3
"""Belfry's main job, to watch: `make demo`.

Starts bin/belfry on a fresh data directory, deploys examples/daily-report through
its AWS API, lets it run twice and shows the ledger. The server then goes on until
Ctrl-C; with DEMO_ONCE=1 it stops, and the exit status tells whether all went well.
Needs nothing but Python 3.
"""

import base64
import datetime
import io
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BELFRY = pathlib.Path(os.environ.get("BELFRY_BINARY") or ROOT / "bin" / "belfry")
EXAMPLE = ROOT / "examples" / "daily-report"
ACCOUNT, REGION = "000000000000", "us-east-1"
PORT = 7420  # belfry's own default, when it is free
START_TIMEOUT = 30  # seconds
RUNS_TIMEOUT = 180  # seconds; two runs of a minute's rate take about one minute

TTY = sys.stdout.isatty()
CREATED = {}  # when each schedule was created, Unix time


class Failed(Exception):
    """The demo did not see what it should have seen."""


# --- Belfry as its clients see it ---


class Client:
    """Speaks the AWS protocols by hand, so that the demo needs no SDK.

    The credential scope says which service and region are meant; `serve --dev`
    does not check the signature.
    """

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def aws(self, service, method, path, body=None, **headers):
        day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
        headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=demo/{day}/{REGION}/{service}/aws4_request, "
            "SignedHeaders=host, Signature=" + 64 * "0"
        )
        return self.call(method, path, body, headers)

    def sqs(self, operation, **body):
        headers = {"X-Amz-Target": "AmazonSQS." + operation, "Content-Type": "application/x-amz-json-1.0"}
        return self.aws("sqs", "POST", "/", body, **headers)

    def runs(self, name):
        query = urllib.parse.urlencode({"schedule": schedule_arn(name)})
        return self.call("GET", "/belfry/v1/runs?" + query, None, {})["items"]

    def call(self, method, path, body, headers):
        headers = {"Content-Type": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as e:
            raise Failed(f"{method} {path} answered {e.code}: {e.read().decode(errors='replace')}") from e
        except OSError as e:
            raise Failed(f"{method} {path}: {e}") from e


def schedule_arn(name):
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"


# --- the server ---


def start(workdir):
    """Starts bin/belfry and returns (process, endpoint) when it is ready."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    log = open(workdir / "belfry.log", "wb")
    # Its own session: Ctrl-C is for this script, which then stops the server.
    process = subprocess.Popen(
        [BELFRY, "serve", "--dev", "--data", workdir / "data", "--listen", f"127.0.0.1:{port}"],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
    )
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(endpoint + "/healthz", timeout=2):
                return process, endpoint
        except OSError:
            time.sleep(0.02)
    stop(process)
    raise Failed("belfry did not start; its log:\n" + (workdir / "belfry.log").read_text(errors="replace"))


def stop(process):
    """Stops the server gracefully and returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def free_port():
    for port in (PORT, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return s.getsockname()[1]
    raise Failed("there is no free port on 127.0.0.1")


# --- what the demo deploys ---


def deploy(client):
    """Creates the function, the queue and three schedules."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as z:
        z.write(EXAMPLE / "handler.py", "handler.py")
    function = client.aws("lambda", "POST", "/2015-03-31/functions", {
        "FunctionName": "daily-report",
        "Runtime": "python3.12",
        "Handler": "handler.handler",
        "Timeout": 30,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/daily-report",
        "Code": {"ZipFile": base64.b64encode(code.getvalue()).decode()},
    })
    step("function", "daily-report", "a Python handler with three kinds of task")

    url = client.sqs("CreateQueue", QueueName="daily-report-failed")["QueueUrl"]
    queue = client.sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    step("queue", "daily-report-failed", "gets what could not be delivered")

    daily = json.loads((EXAMPLE / "schedule.json").read_text())
    create_schedule(client, daily)
    step("schedule", daily["Name"], f"{daily['ScheduleExpression']} in {daily['ScheduleExpressionTimezone']}, within 15 minutes")

    def target(task, **more):
        return {
            "Arn": function["FunctionArn"],
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler",
            "Input": json.dumps(task),
            "DeadLetterConfig": {"Arn": queue},
            **more,
        }

    create_schedule(client, {
        "Name": "every-minute",
        "ScheduleExpression": "rate(1 minute)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target({"task_type": "daily_sales", "format": "pdf"}),
    })
    step("schedule", "every-minute", "rate(1 minute), so that you need not wait until tomorrow")

    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    create_schedule(client, {
        "Name": "partner-export",
        "ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": target(
            {"task_type": "partner_export", "partner": "acme"},
            RetryPolicy={"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2},
        ),
    })
    step("schedule", "partner-export", "in 3 seconds; its task always raises, and may be tried three times")
    return url


def create_schedule(client, schedule):
    body = {k: v for k, v in schedule.items() if k != "Name"}
    CREATED[schedule["Name"]] = time.time()
    client.aws("scheduler", "POST", "/schedules/" + schedule["Name"], body)


# --- watching ---


def watch(client, server):
    """Waits for two good runs and the failed one; shows each as it ends."""
    seen, deadline = set(), time.monotonic() + RUNS_TIMEOUT
    good, dead = [], []
    while len(good) < 2 or not dead:
        if server.poll() is not None:
            raise Failed(f"the server ended with {server.returncode}")
        if time.monotonic() > deadline:
            raise Failed(f"after {RUNS_TIMEOUT} s: {len(good)} of 2 runs succeeded, {len(dead)} of 1 dead-lettered")
        for name, want, found in (("every-minute", "succeeded", good), ("partner-export", "dead_lettered", dead)):
            for run in reversed(client.runs(name)):
                key = (name, run["scheduled_time"])
                if run["outcome"] in ("pending", "running") or key in seen:
                    continue
                seen.add(key)
                show_run(name, run)
                if run["outcome"] != want:
                    raise Failed(f"{name} of {run['scheduled_time']} is {run['outcome']}, want {want}: {run.get('reason')}")
                found.append(run)
        countdown(good, dead)
        time.sleep(0.2)
    clear_line()
    return good, dead


def show_run(name, run):
    clear_line()
    attempts = len(run["attempts"])
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    due, since = when(run["scheduled_time"]), "its time"
    if due < CREATED.get(name, 0):  # a rate's first run is at creation; its time is that minute's start
        due, since = CREATED[name], "creation"
    late = (when(run["started_at"]) - due) * 1000
    print(f"  {run['scheduled_time']}  {name:<15} {run['outcome']:<14} {tries}, started {late:.0f} ms after {since}", flush=True)


def countdown(good, dead):
    if not TTY:
        return
    waiting = []
    if not dead:
        waiting.append("partner-export is being retried")
    if len(good) < 2:
        waiting.append(f"every-minute runs again in {60 - int(time.time()) % 60:2d} s")
    print("\r\033[K  ... " + ", ".join(waiting), end="", flush=True)


def clear_line():
    if TTY:
        print("\r\033[K", end="")


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# --- the tour at the end ---


def tour(client, url, good, dead):
    heading("The ledger")
    belfry(client, "runs", "every-minute")
    belfry(client, "runs", "partner-export")
    belfry(client, "why", "partner-export", dead[0]["scheduled_time"])
    belfry(client, "why", "every-minute", good[-1]["scheduled_time"])
    belfry(client, "next", "cron(0 8 * * ? *)", "--timezone", "Europe/Moscow", "--count", "3")

    heading("The dead-letter queue")
    messages = client.sqs("ReceiveMessage", QueueUrl=url, MessageAttributeNames=["All"], VisibilityTimeout=0).get("Messages", [])
    if len(messages) != 1:
        raise Failed(f"the dead-letter queue gave {len(messages)} messages, want 1")
    print(f"  {messages[0]['Body']}")
    for name, value in sorted(messages[0]["MessageAttributes"].items()):
        print(f"  {name:<27} {value['StringValue']}")


def belfry(client, *args):
    """Runs bin/belfry as a user would, and shows the command with its output."""
    print("  $ bin/belfry " + shlex.join(args), flush=True)
    done = subprocess.run(
        [BELFRY, *args], env={**os.environ, "BELFRY_ENDPOINT": client.endpoint, "AWS_REGION": REGION},
        capture_output=True, text=True, timeout=60,
    )
    print(textwrap.indent(done.stdout, "  "), flush=True)
    if done.returncode != 0 or not done.stdout.strip():
        raise Failed(f"belfry {args[0]} exited with {done.returncode}: {done.stderr.strip()}")


def go_on(endpoint):
    heading("How to go on")
    flag = "" if endpoint.endswith(f":{PORT}") else f" --endpoint {endpoint}"
    print(textwrap.dedent(f"""\
      The server is running at {endpoint}; Ctrl-C stops it. In another terminal:

        bin/belfry runs every-minute{flag}
        curl -s '{endpoint}/belfry/v1/runs?schedule={schedule_arn("every-minute")}'
        curl -s {endpoint}/metrics

      With the AWS CLI, boto3 or any AWS SDK:

        export AWS_ENDPOINT_URL={endpoint}
        export AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev AWS_DEFAULT_REGION={REGION}
        aws scheduler list-schedules

      Step by step by hand: examples/daily-report/README.md
    """), flush=True)


def heading(text):
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def step(kind, name, what):
    print(f"  {kind:<10} {name:<21} {what}", flush=True)


def main():
    if not BELFRY.exists():
        raise Failed(f"{BELFRY} is missing: run make build")
    workdir = pathlib.Path(tempfile.mkdtemp(prefix="belfry-demo-"))
    server = None
    try:
        heading("Belfry starts")
        server, endpoint = start(workdir)
        step("server", endpoint, f"on a fresh data directory, {workdir}")
        client = Client(endpoint)

        heading("Deploying examples/daily-report through the AWS API")
        url = deploy(client)

        heading("Watching it run (about a minute)")
        good, dead = watch(client, server)
        tour(client, url, good, dead)

        if os.environ.get("DEMO_ONCE", "") not in ("", "0"):
            if stop(server) != 0:
                raise Failed(f"the server stopped with {server.returncode}")
            heading("Done: two runs succeeded, one was retried and dead-lettered")
            return 0
        go_on(endpoint)
        server.wait()
        raise Failed(f"the server ended with {server.returncode}; its log:\n" + (workdir / "belfry.log").read_text(errors="replace"))
    except KeyboardInterrupt:
        print("\nStopping.", flush=True)
        return 0
    finally:
        if server is not None:
            stop(server)
        shutil.rmtree(workdir, ignore_errors=True)


def interrupt(*_):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main())
    except Failed as e:
        print(f"\ndemo: {e}", file=sys.stderr)
        sys.exit(1)
