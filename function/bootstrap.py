# Runs a Python handler for Belfry's function host.
#
# It speaks frames over descriptor 3: one byte of kind, the lengths of meta and
# body as 4 bytes each, big-endian, then meta and body. The host sends "A"
# (assign), which says what function this is: the folder of its layers, and its
# environment, each variable with a NUL at its end. "B" (begin) says that its files
# are there, and is answered with "R" (ready) or "F" (init failed). Then comes "I"
# (invoke), with JSON as meta, again and again; this answers with "O" (result), "L"
# (result too large) or "E" (the handler's error), and gets no other one before, so
# that a read of it never holds parts of two.
#
# Until it is assigned this may have waited for long, with an environment that
# is not the function's.
#
# Start-up time is paid at every cold start: import nothing here that a plain
# handler does not need. Package json would take as long as all the rest, for its
# regular expressions; the accelerator under it is enough for what is in order. So
# is what is under os, with the very environment that os shows.
import posix
import sys
import time

CHANNEL = 3
MAX_RESPONSE = 6291556  # bytes
MAX_ERROR_TEXT = 65536  # characters of an error's message

stdout = sys.stdout
task_root = ""  # folder of the function's code
opt_root = ""  # folder of its layers; empty: none
request_id = ""


def getenv(name, default=None):
    value = posix.environ.get(name.encode())
    return default if value is None else value.decode("utf-8", "surrogateescape")


def setenv(name, value):
    """Sets a variable; both are bytes."""
    posix.environ[name] = value
    posix.putenv(name, value)


class Plain:
    """What package json gives its accelerator by default, to read."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


try:
    from _json import encode_basestring, make_encoder, make_scanner

    scan = make_scanner(Plain)
    make_encoder({}, None, encode_basestring, None, ": ", ", ", False, False, True)  # as write does
except (ImportError, TypeError, AttributeError):  # another implementation of Python
    scan = None


def load(data):
    """json.loads of bytes."""
    if scan:
        try:
            text = data.decode()
            value, end = scan(text, len(text) - len(text.lstrip(" \t\n\r")))
            if not text[end:].strip(" \t\n\r"):
                return value
        except Exception:
            pass  # package json says what is wrong
    import json

    return json.loads(data)


def send(kind, body=b""):
    data = memoryview(kind + b"\0\0\0\0" + len(body).to_bytes(4, "big") + body)
    while data:
        data = data[posix.write(CHANNEL, data):]


def read(size):
    """Returns the next bytes, so many. When the host is gone it ends this process."""
    parts = []
    while size:
        part = posix.read(CHANNEL, min(size, 1 << 20))
        if not part:
            posix._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive():
    """Returns (meta, body) of the next frame."""
    data = posix.read(CHANNEL, 65536)
    if len(data) < 9:
        data += read(9 - len(data))
    meta_end = 9 + int.from_bytes(data[1:5], "big")
    end = meta_end + int.from_bytes(data[5:9], "big")
    if len(data) < end:
        data += read(end - len(data))
    return load(data[9:meta_end]), data[meta_end:end]


def leave_channel():
    """In a child of the handler's: the channel is its parent's, whoever returns."""
    null = posix.open("/dev/null", posix.O_RDWR)
    posix.dup2(null, CHANNEL, False)
    posix.close(null)


class Fault(Exception):
    """An error with the name and the trace that Lambda gives it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class Client:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext:
    __slots__ = ["custom", "env", "client"]


def client_context(given):
    if not isinstance(given, dict):
        return None
    context = ClientContext()
    context.custom = given.get("custom")
    context.env = given.get("env")
    context.client = None
    client = given.get("client")
    if isinstance(client, dict):
        context.client = Client()
        for name in Client.__slots__:
            setattr(context.client, name, client.get(name))
    return context


class LambdaContext:
    def __init__(self, meta):
        self.aws_request_id = meta["id"]
        self.log_group_name = getenv("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = getenv("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = getenv("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = getenv("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = meta["arn"]
        self.client_context = client_context(meta.get("client_context"))
        self.identity = CognitoIdentity()
        self.tenant_id = None
        self._deadline = meta["deadline"]

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))

    def log(self, message):
        stdout.write(str(message))

    def __repr__(self):
        return "LambdaContext([%s])" % ",".join("%s=%s" % (k, v) for k, v in vars(self).items() if k[0] != "_")


def json_log():
    return getenv("AWS_LAMBDA_LOG_FORMAT") == "JSON"


def virtual(path):
    """The path that the code has on Lambda."""
    for root, name in ((task_root, "/var/task"), (opt_root, "/opt")):
        if root and path.startswith(root + "/"):
            return name + path[len(root):]
    return path


def format_trace(tb):
    """The trace from the first frame of the user's code on."""
    import traceback

    frames = traceback.extract_tb(tb)
    own = format_trace.__code__.co_filename
    skip = 0
    while skip < len(frames) and (frames[skip].filename == own or frames[skip].filename.startswith("<frozen importlib")):
        skip += 1
    return traceback.format_list([(virtual(f.filename), f.lineno, f.name, f.line) for f in frames[skip:]])


def describe(error):
    """Logs an exception and returns it as Lambda's error payload."""
    try:
        message = str(error)
    except Exception as e:
        message = "<%s of the error's text>" % type(e).__name__
    message = message[:MAX_ERROR_TEXT]
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, format_trace(error.__traceback__)
    try:
        if json_log():
            import json

            now = time.time()
            stdout.write(json.dumps({
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now % 1 * 1000),
                "log_level": "ERROR", "errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace,
            }, ensure_ascii=False) + "\n")
        else:
            stdout.write("[ERROR] %s: %s\nTraceback (most recent call last):\n%s" % (kind, message, "".join(trace)))
            if trace:
                stdout.write("\n")
    except Exception:
        pass  # a handler may have closed the stream; the payload still tells
    return dump({"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace})


def encode_more(value):
    decimal = sys.modules.get("decimal")
    if decimal and isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def dump(value):
    """json.dumps, to bytes."""
    try:
        return write(value).encode()
    except UnicodeEncodeError:  # a lone surrogate
        import json

        return json.dumps(value, default=encode_more).encode()


def write(value):
    if not scan:
        import json

        return json.dumps(value, ensure_ascii=False, default=encode_more)
    if isinstance(value, str):
        return encode_basestring(value)
    # As json.dumps has it: known containers, default, encoder, indent,
    # separators, whether keys are sorted, or skipped, and whether there is NaN.
    encode = make_encoder({}, encode_more, encode_basestring, None, ": ", ", ", False, False, True)
    return "".join(encode(value, 0))


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # a handler may have closed or replaced it


def set_up_logging(logging):
    """Gives the root logger Lambda's handler and format."""

    class Formatter(logging.Formatter):
        converter = time.gmtime

        def format(self, record):
            record.aws_request_id = request_id
            return super().format(record)

        def formatException(self, info):
            text = super().formatException(info).replace('"' + task_root + "/", '"/var/task/')
            return text.replace('"' + opt_root + "/", '"/opt/') if opt_root else text

    class Handler(logging.Handler):
        def emit(self, record):
            try:
                stdout.write(self.format(record) + "\n")
            except Exception:
                self.handleError(record)

    class JSONFormatter(Formatter):
        def format(self, record):
            error = record.exc_info if record.exc_info and record.exc_info[0] else None
            line = {
                "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + ".%03dZ" % record.msecs,
                "level": record.levelname, "message": record.getMessage(), "logger": record.name,
            }
            if error:
                line["stackTrace"] = format_trace(error[2])
                line["errorType"], line["errorMessage"] = error[0].__name__, str(error[1])
                line["location"] = "%s:%s:%d" % (virtual(record.pathname), record.funcName, record.lineno)
            line["requestId"] = request_id
            for name, value in vars(record).items():
                if name not in own and name not in line:
                    line[name] = value
            return json.dumps(line, ensure_ascii=False, default=str)

    handler = Handler()
    if json_log():
        import json

        own = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "asctime", "message"}
        handler.setFormatter(JSONFormatter())
        logging.root.addHandler(handler)
        level = getenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
        logging.root.setLevel({"TRACE": 5, "FATAL": logging.CRITICAL}.get(level) or getattr(logging, level, logging.INFO))
        return
    handler.setFormatter(Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
    logging.root.addHandler(handler)


class StandardFinder:
    """Finds os and package json, and what they need, where Python has them: a file of
    the same name in a function's code has never been in its place."""

    names = frozenset((
        "os", "_collections_abc", "stat", "_stat", "posixpath", "genericpath",
        "json", "_json", "re", "enum", "types", "operator", "functools", "collections", "keyword", "reprlib", "copyreg",
        "heapq", "_heapq", "sre_compile", "sre_constants", "sre_parse",
    ))
    path = None  # that Python began with

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is not None or name not in cls.names:
            return None
        from _frozen_importlib import FrozenImporter
        from _frozen_importlib_external import PathFinder

        return FrozenImporter.find_spec(name) or PathFinder.find_spec(name, cls.path)


class LoggingFinder:
    """Sets up logging when it is first imported: the import costs milliseconds, and not all need it."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(cls)
        from _frozen_importlib_external import PathFinder

        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            set_up_logging(module)

        spec.loader.exec_module = exec_module
        return spec


def find_handler(name):
    if "." not in name:
        raise Fault("Runtime.MalformedHandlerName",
                    "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    module, function = name.rsplit(".", 1)
    dotted = module.replace("/", ".")
    try:
        if not all(dotted.split(".")):
            raise ImportError("empty module name")
        __import__(dotted)
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, e))
    except SyntaxError as e:
        where = '  File "%s" Line %s\n    %s' % (virtual(e.filename or ""), e.lineno, e.text)
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, e), [where])
    try:
        return getattr(sys.modules[dotted], function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function, module))


def answer(handler, meta, body):
    try:
        try:
            event = load(body)
        except Exception as e:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
        result = handler(event, LambdaContext(meta))
        try:
            out = dump(result)
        except Exception as e:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % e)
    except Exception as e:
        return b"E", describe(e)
    if len(out) > MAX_RESPONSE:
        return b"L", b""
    return b"O", out


def assign():
    """Makes this process the one of a function."""
    global task_root, opt_root
    head = read(9)
    opt_root = read(int.from_bytes(head[1:5], "big")).decode()
    env = {}
    for variable in read(int.from_bytes(head[5:], "big")).split(b"\0")[:-1]:
        name, _, value = variable.partition(b"=")
        env[name] = value
    zone = posix.environ.get(b"TZ")
    for name in [name for name in posix.environ if name not in env]:
        del posix.environ[name]
        posix.unsetenv(name)
    for name, value in env.items():
        setenv(name, value)
    if env[b"TZ"] != zone:
        time.tzset()


def begin():
    """Shows this process its function's files, when they are there."""
    global task_root
    read(9)
    task_root = getenv("LAMBDA_TASK_ROOT")
    posix.chdir(task_root)
    paths = [task_root]
    if opt_root:
        # The interpreter may be another version than the runtime's name says, which
        # is the one that the layer was made for.
        named = getenv("AWS_EXECUTION_ENV").rpartition("python")[2]
        for version in dict.fromkeys(["%d.%d" % sys.version_info[:2], named]):
            paths.append("%s/python/lib/python%s/site-packages" % (opt_root, version))
        paths.append(opt_root + "/python")
    paths += [p for p in getenv("PYTHONPATH", "").split(":") if p]
    sys.path[:0] = paths
    finder = sys.path_importer_cache.get(task_root)
    if finder:  # it has looked there when nothing was
        finder.invalidate_caches()


def warm_up(task):
    """Does for the first time, while nobody waits for it, what an assignment and an invocation will need.

    task is where the code will be.
    """
    import json
    import os  # most handlers do

    space = {}
    exec(compile(b"def handler(event, context):\n    return event\n", "app.py", "exec"), space)
    meta = load(dump({"id": "", "arn": "", "deadline": 0}))
    answer(space["handler"], meta, b'{"a": [1, "b"]}')
    sys.path.insert(0, task)  # so that Python knows how to look there
    try:
        __import__("_belfry_nothing")
    except ImportError:
        pass
    sys.path.remove(task)
    flush()


def main():
    global request_id
    posix.set_inheritable(CHANNEL, False)
    posix.register_at_fork(after_in_child=leave_channel)
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.path.extend(sys.argv[1:])
    del sys.argv[1:]
    StandardFinder.path = list(sys.path)
    sys.meta_path[:0] = StandardFinder, LoggingFinder
    task = getenv("_BELFRY_BLANK")
    if task:
        warm_up(task)
    assign()
    begin()
    try:
        handler = find_handler(getenv("_HANDLER"))
    except Exception as e:
        payload = describe(e)
        flush()
        send(b"F", payload)
        sys.exit(1)
    flush()
    send(b"R")
    while True:
        meta, body = receive()
        request_id = meta["id"]
        setenv(b"_X_AMZN_TRACE_ID", meta["trace"].encode())
        kind, out = answer(handler, meta, body)
        flush()
        send(kind, out)


main()
