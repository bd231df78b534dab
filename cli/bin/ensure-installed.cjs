"use strict";
// Installs the packages of package-lock.json where they are missing, so that a clean clone needs no command before.
const { spawn, spawnSync } = require("child_process");
const { createHash } = require("crypto");
const { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } = require("fs");
const path = require("path");
const { setTimeout: delay } = require("timers/promises");

/** Seconds to wait for an installation by another process. */
const installTimeout = 600;

function files(root) {
  return {
    lock: path.join(root, "package-lock.json"),
    recorded: path.join(root, "node_modules", ".talos-mesh-lock"),
    installed: path.join(root, "node_modules", ".package-lock.json"),
    busy: path.join(root, ".talos-mesh", "install.pid"),
  };
}

function digest(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Whether npm's record of what it installed matches the lock file; packages for other platforms may be missing. */
function sameAsInstalled(lock, installed) {
  if (!existsSync(installed)) return false;
  const locked = JSON.parse(readFileSync(lock, "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.keys(locked).every((name) => {
    if (name === "") return true;
    const found = present[name];
    return found ? found.version === locked[name].version : Boolean(locked[name].optional || locked[name].peer);
  });
}

/** Whether this lock file is installed: by us, or by npm with the same result, which is then recorded. */
function upToDate(root) {
  const { lock, recorded, installed } = files(root);
  const expected = digest(lock);
  if (existsSync(recorded) && existsSync(installed) && readFileSync(recorded, "utf8") === expected) return true;
  if (!sameAsInstalled(lock, installed)) return false;
  writeFileSync(recorded, expected);
  return true;
}

/** Whether the installation with this process number still runs; another program may have the number now. */
function alive(pid) {
  const { status, stdout } = spawnSync("ps", ["-o", "stat=,args=", "-p", String(pid)], { encoding: "utf8" });
  if (status === 0) return !stdout.startsWith("Z") && stdout.includes("talos-mesh.cjs");
  if (status !== null) return false;
  // Without `ps`.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Locks, or gives the owner of the lock. A dead owner's lock is renamed, in which only one process succeeds. */
function acquire(busy) {
  mkdirSync(path.dirname(busy), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(busy, String(process.pid), { flag: "wx" });
    return undefined;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  let owner;
  try {
    owner = Number(readFileSync(busy, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return acquire(busy);
    throw error;
  }
  // Empty between its creation and its first write.
  if (owner === 0 || alive(owner)) return owner || "unknown";
  const moved = `${busy}.${process.pid}`;
  try {
    renameSync(busy, moved);
    // Another process may have locked it again since it was read: then it gets its lock back.
    if (readFileSync(moved, "utf8") !== String(owner)) renameSync(moved, busy);
    else rmSync(moved);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return acquire(busy);
}

/** Runs `npm ci`. Gives its output where it failed. */
function npmCi(root) {
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const [program, all] = npm && npm.endsWith("npm-cli.js") ? [process.execPath, [npm, ...args]] : ["npm", args];
  return new Promise((resolve) => {
    const child = spawn(program, all, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    // Ctrl-C reaches npm too. An interrupted installation is not recorded, so the next run installs again.
    child.on("error", (error) => resolve(`npm did not start: ${error.message}. npm comes with Node.js.`));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(undefined);
      return resolve(`${output.trim()}\nnpm ci failed (${signal || `exit code ${code}`}); its messages are above.`);
    });
  });
}

/**
 * Installs the packages where they are missing or of another lock file. Processes take turns.
 *
 * @returns {Promise<string | undefined>} the message of a failure
 */
async function ensureInstalled(root) {
  if (upToDate(root)) return undefined;
  const { lock, recorded, busy } = files(root);
  const notice = setTimeout(() => {
    if (process.stderr.isTTY) console.error("installing dependencies");
  }, 1000);
  try {
    const deadline = Date.now() + installTimeout * 1000;
    for (let owner = acquire(busy); owner !== undefined; owner = acquire(busy)) {
      if (Date.now() > deadline)
        return `process ${owner} has been installing dependencies for more than ${installTimeout} s (${busy})`;
      await delay(200);
    }
    try {
      if (upToDate(root)) return undefined;
      const failed = await npmCi(root);
      if (!failed) writeFileSync(recorded, digest(lock));
      return failed;
    } finally {
      rmSync(busy, { force: true });
    }
  } finally {
    clearTimeout(notice);
  }
}

module.exports = { ensureInstalled };
