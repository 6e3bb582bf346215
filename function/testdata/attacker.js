// attacker.py's attacks, those that Node.js makes in another way.
const { spawn } = require("node:child_process");
const fs = require("node:fs");

const attacks = {
  read(path) {
    fs.closeSync(fs.openSync(path));
  },
  // forks is the error that stopped it, if that came near the limit.
  async forks(limit) {
    const children = [];
    try {
      while (children.length < limit) {
        const child = spawn("/bin/sleep", ["60"], { stdio: "ignore" });
        await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
        children.push(child);
      }
    } catch (e) {
      return children.length > 30 && children.length <= 80 ? e.code : `${e.code} after ${children.length}`;
    } finally {
      await Promise.all(children.map((c) => new Promise((done) => c.once("exit", done).kill("SIGKILL"))));
    }
  },
  memory(megabytes) {
    Buffer.alloc(megabytes << 20, 1);
  },
  // heap takes memory that V8 counts by itself.
  heap(megabytes) {
    for (const kept = []; ; ) if (kept.push(new Array(1 << 17).fill(1.5)) > megabytes) return;
  },
  // inherited is what a child has beside its standard streams.
  inherited() {
    const list = "for f in /proc/self/fd/[3-9]*; do readlink $f; done | grep -c socket:";
    return require("node:child_process").spawnSync("/bin/sh", ["-c", list]).stdout.toString().trim();
  },
  async daemon(name) {
    const child = spawn("/bin/sh", ["-c", "while :; do :; done", name], { detached: true, stdio: "ignore" });
    await new Promise((resolve) => child.once("spawn", resolve));
    child.unref();
    return "started";
  },
};

exports.handler = async ({ attack, args = [] }) => {
  try {
    return (await attacks[attack](...args)) ?? "reached";
  } catch (e) {
    return e.code;
  }
};
