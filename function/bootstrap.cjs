// Runs a Node.js handler for Belfry's function host, over the frames that
// bootstrap.py describes. One answer more is there: "U" is an error after which
// this process ends.
//
// Between invocations it reads and blocks: nothing of the function runs then, as
// nothing does on Lambda.
//
// Start-up time is paid at every cold start: require nothing here that a plain
// handler does not need.
"use strict";
const fs = require("fs");

const CHANNEL = 3;
const MAX_RESPONSE = 6291556; // bytes
const MAX_ERROR_TEXT = 65536; // characters of an error's message, and of its trace

let taskRoot = ""; // folder of the function's code
let moved = []; // folders that have other paths on Lambda, and these
let major = 0; // of the runtime that the function asked for
let requestId; // undefined until the first invocation
let invocation = null; // the one under way

// Frames.

function send(kind, body = "") {
  const size = Buffer.byteLength(body);
  const frame = Buffer.allocUnsafe(9 + size);
  frame.write(kind, 0, "latin1");
  frame.writeUInt32BE(0, 1);
  frame.writeUInt32BE(size, 5);
  frame.write(body, 9);
  for (let sent = 0; sent < frame.length; ) sent += fs.writeSync(CHANNEL, frame, sent);
}

let buffer = Buffer.allocUnsafeSlow(65536);

// receive returns meta and body of the next frame. When the host is gone it ends
// the process. One at a time is under way, save the first two.
let have = 0; // bytes of the next one
function receive() {
  const fill = (size) => {
    if (buffer.length < size) buffer = Buffer.concat([buffer.subarray(0, have)], size);
    while (have < size) {
      const n = fs.readSync(CHANNEL, buffer, have, buffer.length - have);
      if (n === 0) process.exit(0);
      have += n;
    }
  };
  fill(9);
  const metaEnd = 9 + buffer.readUInt32BE(1);
  const end = metaEnd + buffer.readUInt32BE(5);
  fill(end);
  const frame = { meta: buffer.utf8Slice(9, metaEnd), body: buffer.utf8Slice(metaEnd, end) };
  buffer.copyWithin(0, end, have);
  have -= end;
  if (buffer.length > 65536) buffer = Buffer.allocUnsafeSlow(65536);
  return frame;
}

// Errors, in the shapes of Lambda's runtime.

class Fault extends Error {
  constructor(kind, message, cause) {
    super(message);
    Object.defineProperty(this, "name", { value: kind });
    this.stack = `${kind}: ${message}\n${cause?.stack ?? ""}`.trimEnd();
  }
}

// virtual gives paths of the code those that they have on Lambda.
const virtual = (s) => moved.reduce((text, [here, there]) => text.replaceAll(here + "/", there + "/"), s);

const isError = (e) =>
  require("util").types.isNativeError(e) || (e && [e.name, e.message, e.stack].every((s) => s && typeof s === "string"));

const lines = (e) => virtual(String(e.stack)).slice(0, 2 * MAX_ERROR_TEXT).split("\n");

const text = (v) => virtual(String(v)).slice(0, MAX_ERROR_TEXT);

// payload is what the caller gets for anything that was thrown.
function payload(e) {
  let told;
  try {
    told = isError(e)
      ? { errorType: String(e.name), errorMessage: text(e.message), trace: lines(e) }
      : { errorType: typeof e, errorMessage: text(e.toString()), trace: [] };
  } catch {
    told = {
      errorType: "handled",
      errorMessage: "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    };
  }
  return JSON.stringify(told);
}

// logError logs what was thrown, with all that it carries.
function logError(title, e) {
  if (json) return console.error(title, e instanceof Error ? e : new Error(String(e)));
  let all;
  try {
    all = JSON.stringify(e, (_, v) =>
      v instanceof Error ? { errorType: v.name, errorMessage: v.message, code: v.code, ...v, stack: lines(v) } : v,
    );
  } catch {
    all = payload(e); // a circle, or a getter that throws
  }
  console.error(title, "\t" + all);
}

// The console.

let json = false; // whether lines are JSON

function print(line) {
  const data = Buffer.from(line);
  for (let done = 0; done < data.length; ) {
    try {
      done += fs.writeSync(1, data, done);
    } catch (e) {
      if (e.code !== "EAGAIN") return; // a handler has closed it
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // the host reads all the time
    }
  }
}

function jsonLine(level, message, rest) {
  const line = { timestamp: new Date().toISOString(), level, requestId };
  const error = (e) => ({ errorType: e.constructor?.name ?? "UnknownError", errorMessage: e.message, stackTrace: lines(e) });
  if (rest.length === 0) {
    line.message = message;
    try {
      return JSON.stringify(line, (_, v) => (v instanceof Error ? { ...error(v), ...v } : v));
    } catch {
      line.message = require("util").format(message); // a circle, or a BigInt
      return JSON.stringify(line);
    }
  }
  line.message = require("util").format(message, ...rest);
  const thrown = rest.find((v) => v instanceof Error);
  return JSON.stringify(thrown ? { ...line, ...error(thrown) } : line);
}

function setUpConsole() {
  json = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
  const levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
  const least = json ? levels.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase()) : -1;
  for (const [name, level] of Object.entries({
    trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL",
  })) {
    console[name] = (message, ...rest) => {
      if (levels.indexOf(level) < least) return;
      if (json) return print(jsonLine(level, message, rest) + "\n");
      print(`${new Date().toISOString()}\t${requestId}\t${level}\t${virtual(require("util").format(message, ...rest))}\n`);
    };
  }
}

// Streams of the process that the function has used: what they have not written
// yet belongs to the invocation.
const used = new Set();

function watchStreams() {
  for (const name of ["stdout", "stderr"]) {
    const { get } = Object.getOwnPropertyDescriptor(process, name);
    Object.defineProperty(process, name, {
      configurable: true, enumerable: true,
      get() {
        const stream = get.call(process);
        used.add(stream);
        return stream;
      },
    });
  }
}

async function flush() {
  for (const stream of used) {
    if (stream.writableLength > 0 && !stream.destroyed) await new Promise((done) => stream.write("", done));
  }
}

// The function's code.

// assign makes this process the one of a function, whose files are there after the
// next frame.
function assign({ meta: opt, body }) {
  const env = {};
  for (const variable of body.split("\0")) {
    const at = variable.indexOf("=");
    if (at > 0) env[variable.slice(0, at)] = variable.slice(at + 1);
  }
  const samePaths = ["NODE_PATH", "HOME"].every((name) => env[name] === process.env[name]);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  for (const name in env) if (env[name] !== process.env[name]) process.env[name] = env[name];
  receive();
  const task = env.LAMBDA_TASK_ROOT;
  taskRoot = task;
  moved = [[task, "/var/task"], [opt, "/opt"]].filter(([here, there]) => here && here !== there);
  major = Number(/nodejs(\d+)/.exec(env.AWS_EXECUTION_ENV)?.[1]);
  process.chdir(task);
  if (!samePaths) require("module")._initPaths();
}

const isFile = (path) => fs.statSync(path, { throwIfNoEntry: false })?.isFile();

// isESM says whether .js in a folder is an ES module.
function isESM(folder) {
  for (; !folder.endsWith("/node_modules"); folder = folder.slice(0, folder.lastIndexOf("/"))) {
    if (isFile(folder + "/package.json")) {
      try {
        return JSON.parse(fs.readFileSync(folder + "/package.json")).type === "module";
      } catch (e) {
        console.warn(`${virtual(folder)}/package.json cannot be read, it will be ignored for ES module detection purposes.`, e);
        return false;
      }
    }
    if (folder === "") break;
  }
  return false;
}

// Where require takes ES modules without a warning, it does so without the loader
// of import(), which takes a seventh of the start. What customizes a loader asks
// for that one.
const [release, minor] = process.versions.node.split(".").map(Number);
const requiresESM = process.features.require_module && (release >= 24 || minor >= { 20: 20, 22: 13 }[release]);

// load returns an ES module.
function load(file) {
  if (requiresESM && !process.env.NODE_OPTIONS) {
    try {
      return require(file);
    } catch (e) {
      if (e?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw e;
      // It awaits at its top level, and nothing of it has been evaluated.
    }
  }
  return import(require("url").pathToFileURL(file));
}

async function loadModule(folder, name) {
  const path = require("path").resolve(taskRoot, folder, name);
  if (isFile(path)) return require(path);
  if (isFile(path + ".js")) return isESM(require("path").dirname(path)) ? load(path + ".js") : require(path + ".js");
  if (isFile(path + ".mjs")) return load(path + ".mjs");
  if (isFile(path + ".cjs")) return require(path + ".cjs");
  if (fs.existsSync(path)) return require(path); // a folder with an index.js
  return require(require.resolve(name, { paths: [taskRoot, require("path").dirname(path)] }));
}

const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const NO_STREAMING = "This server does not run streaming handlers (awslambda.streamifyResponse). Return the response instead.";

async function loadHandler(full) {
  if (full.includes("..")) {
    throw new Fault("Runtime.MalformedHandlerName", `'${full}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const slash = full.lastIndexOf("/") + 1;
  const dot = full.indexOf(".", slash);
  if (dot < 0) throw new Fault("Runtime.MalformedHandlerName", "Bad handler");
  let value;
  try {
    value = await loadModule(full.slice(0, slash), full.slice(slash, dot));
  } catch (e) {
    if (e instanceof SyntaxError) throw new Fault("Runtime.UserCodeSyntaxError", String(e), e);
    if (e?.code === "MODULE_NOT_FOUND") throw new Fault("Runtime.ImportModuleError", String(e), e);
    throw e;
  }
  for (const key of full.slice(dot + 1).split(".")) value = value?.[key];
  if (!value) throw new Fault("Runtime.HandlerNotFound", `${full} is undefined or not exported`);
  if (typeof value !== "function") throw new Fault("Runtime.HandlerNotFound", `${full} is not a function`);
  if (value[STREAMING]) throw new Fault("Runtime.MalformedStreamingHandler", NO_STREAMING);
  if (major >= 24 && value.length >= 3) {
    throw new Fault(
      "Runtime.CallbackHandlerDeprecated",
      `Handlers that take a callback have ended with nodejs24.x, as on Lambda. Return the result or a promise of it, or choose an older runtime.`,
    );
  }
  return value;
}

// Invocations.

class Invocation {
  constructor(meta) {
    this.waits = true; // of a callback: for all that the handler has begun
    this.answer = new Promise((resolve) => (this.resolve = resolve));
    const env = process.env;
    this.context = {
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: meta.client_context,
      identity: undefined,
      invokedFunctionArn: meta.arn,
      awsRequestId: meta.id,
      tenantId: undefined,
      getRemainingTimeInMillis: () => meta.deadline - Date.now(),
    };
    if (major < 24) this.addCallbacks();
  }

  addCallbacks() {
    const done = (e, result) => (e === undefined || e === null ? this.succeed(result) : this.fail(e));
    Object.assign(this.context, { done, succeed: (result) => done(null, result), fail: (e) => done(e ?? "handled") });
    Object.defineProperty(this.context, "callbackWaitsForEmptyEventLoop", {
      enumerable: true, configurable: true,
      get: () => this.waits,
      set: (on) => (this.waits = on),
    });
    this.callback = (e, result) => {
      if (this.result !== undefined) return;
      if (!this.waits || (e !== undefined && e !== null)) return done(e, result);
      this.encode(result);
    };
  }

  encode(result) {
    try {
      this.result ??= JSON.stringify(result === undefined ? null : result) ?? "null";
    } catch {
      this.fail(new Error("Unable to stringify response body"));
    }
  }

  succeed(result) {
    this.encode(result);
    if (this.result !== undefined) this.end();
  }

  // end answers with the result that there is.
  end() {
    if (Buffer.byteLength(this.result) > MAX_RESPONSE) this.resolve(["L", ""]);
    else this.resolve(["O", this.result]);
    this.over = true;
  }

  fail(e) {
    if (this.over) return;
    this.over = true;
    logError("Invoke Error", e);
    this.resolve(["E", payload(e)]);
  }
}

function start(handler, call, body) {
  try {
    const result = handler(JSON.parse(body), call.context, call.callback);
    if (typeof result?.then === "function") result.then((v) => call.succeed(v), (e) => call.fail(e));
    else if (major >= 24) call.succeed(result);
  } catch (e) {
    call.fail(e);
  }
}

// crash ends the process for an error that nobody caught.
async function crash(title, e, status) {
  const under = invocation;
  logError(title, e);
  await flush();
  if (!ready) send("F", payload(e));
  else if (under && !under.over) send("U", payload(e));
  process.exit(status);
}

let ready = false;

process.on("uncaughtException", (e) => crash("Uncaught Exception", e, 129));
process.on("unhandledRejection", (reason, promise) => {
  const e = new Fault("Runtime.UnhandledPromiseRejection", reason?.toString?.() ?? String(reason), reason);
  return crash("Unhandled Promise Rejection", Object.assign(e, { reason, promise }), 128);
});
// Nothing is left to happen: a callback has waited for that, and without one the
// answer is null.
process.on("beforeExit", () => {
  if (!invocation || invocation.over) return;
  invocation.result ??= "null";
  invocation.end();
});

// warmUp does for the first time, while nobody waits for it, what an assignment
// and an invocation will need.
async function warmUp() {
  await load(require("path").resolve(__dirname, "warm.mjs"));
  const call = new Invocation({});
  await new Promise(setImmediate);
  start(async (event) => event, call, "{}");
  await call.answer;
}

async function main() {
  watchStreams();
  if ("_BELFRY_BLANK" in process.env) await warmUp();
  assign(receive());
  setUpConsole();
  globalThis.awslambda = {
    streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: "response" }),
    HttpResponseStream: { from() { throw new Fault("Runtime.InvalidStreamingOperation", NO_STREAMING); } },
  };
  let handler;
  try {
    handler = await loadHandler(process.env._HANDLER);
  } catch (e) {
    return crash("Uncaught Exception", e, 129);
  }
  await flush();
  ready = true;
  send("R");
  for (;;) {
    const frame = receive();
    const meta = JSON.parse(frame.meta);
    requestId = meta.id;
    process.env._X_AMZN_TRACE_ID = meta.trace;
    const call = (invocation = new Invocation(meta));
    // What has happened to timers and sockets meanwhile comes first.
    await new Promise(setImmediate);
    start(handler, call, frame.body);
    const [kind, answer] = await call.answer;
    await flush();
    invocation = null;
    send(kind, answer);
  }
}

main();
