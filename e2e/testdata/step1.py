"""The life of a function, with boto3. Arguments: the zip, the changed zip."""

import base64
import json
import sys

from belfry import client, refused, same

zip_file, changed = (open(path, "rb").read() for path in sys.argv[1:3])
functions = client("lambda")

created = functions.create_function(
    FunctionName="report", Runtime="python3.12", Handler="handler.handler", Timeout=10,
    Role="arn:aws:iam::000000000000:role/report", Code={"ZipFile": zip_file},
    Environment={"Variables": {"GREETING": "good morning"}}, Description="three kinds of task",
)
same(created["ResponseMetadata"]["HTTPStatusCode"], 201)
same(created["FunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:report")
assert "already exist" in refused(
    "ResourceConflictException", functions.create_function,
    FunctionName="report", Runtime="python3.12", Handler="handler.handler",
    Role="arn:aws:iam::000000000000:role/report", Code={"ZipFile": zip_file},
)
functions.get_waiter("function_active_v2").wait(FunctionName="report", WaiterConfig={"Delay": 1, "MaxAttempts": 20})

got = functions.get_function(FunctionName="report")
for member in ("FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "CodeSha256", "Description", "Timeout"):
    same(got["Configuration"][member], created[member])
same(got["Configuration"]["State"], "Active")
same(got["Configuration"]["Environment"], {"Variables": {"GREETING": "good morning"}})
same(got["Configuration"]["MemorySize"], 128)
same(got["Configuration"]["Version"], "$LATEST")


def invoke(payload, **more):
    answer = functions.invoke(FunctionName="report", Payload=json.dumps(payload), **more)
    answer["Json"] = json.loads(answer["Payload"].read() or "null")
    return answer


sales = invoke({"task_type": "daily_sales", "format": "pdf"}, LogType="Tail")
same(sales["StatusCode"], 200)
same(sales["ExecutedVersion"], "$LATEST")
same(sales["Json"], {"task_type": "daily_sales", "version": 1, "format": "pdf", "greeting": "good morning"})
assert "FunctionError" not in sales, sales
log = base64.b64decode(sales["LogResult"]).decode()
for line in ("START RequestId: ", "Version: $LATEST", "[INFO]", "task daily_sales", "END RequestId: ", "REPORT RequestId: ", "Billed Duration: "):
    assert line in log, (line, log)

same(invoke({"task_type": "weekly_summary"})["Json"], {"task_type": "weekly_summary", "version": 1, "weeks": 2})

failed = invoke({"task_type": "partner_export"})
same((failed["StatusCode"], failed["FunctionError"]), (200, "Unhandled"))
same(failed["Json"]["errorType"], "UpstreamUnavailable")
same(failed["Json"]["errorMessage"], "partner answered 503")
assert any("handler.py" in line for line in failed["Json"]["stackTrace"]), failed["Json"]

same(invoke({"task_type": "daily_sales"}, InvocationType="Event")["StatusCode"], 202)
same(invoke({"task_type": "daily_sales"}, InvocationType="DryRun")["StatusCode"], 204)

before = functions.get_function_configuration(FunctionName="report")
after = functions.update_function_code(FunctionName="report", ZipFile=changed)
assert after["CodeSha256"] != before["CodeSha256"] and after["RevisionId"] != before["RevisionId"]
functions.get_waiter("function_updated_v2").wait(FunctionName="report", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
same(invoke({"task_type": "weekly_summary"})["Json"]["version"], 2)

functions.update_function_configuration(FunctionName="report", Timeout=20, Environment={"Variables": {"GREETING": "good evening"}})
functions.get_waiter("function_updated_v2").wait(FunctionName="report", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
same(invoke({"task_type": "daily_sales"})["Json"]["greeting"], "good evening")
now = functions.get_function_configuration(FunctionName="report")
same((now["Timeout"], now["Description"], now["Handler"]), (20, "three kinds of task", "handler.handler"))

same([f["FunctionName"] for f in functions.list_functions()["Functions"]], ["report"])
same(functions.delete_function(FunctionName="report")["ResponseMetadata"]["HTTPStatusCode"], 204)
assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:report" in refused(
    "ResourceNotFoundException", functions.get_function, FunctionName="report")
refused("ResourceNotFoundException", functions.invoke, FunctionName="report")
same(functions.list_functions()["Functions"], [])
