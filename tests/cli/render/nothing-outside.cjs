"use strict";
// Preloaded by tests: whatever would leave this process, or start another, throws.
const forbid = (module, names) => {
  for (const name of names) {
    module[name] = () => {
      throw new Error(`rendering must not call ${name}`);
    };
  }
};
forbid(require("node:net"), ["connect", "createConnection", "createServer"]);
require("node:net").Socket.prototype.connect = () => {
  throw new Error("rendering must not open a socket");
};
forbid(require("node:dns"), ["lookup", "resolve", "resolve4", "resolve6"]);
forbid(require("node:http"), ["request", "get"]);
forbid(require("node:https"), ["request", "get"]);
forbid(require("node:child_process"), ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]);
globalThis.fetch = () => Promise.reject(new Error("rendering must not fetch"));
