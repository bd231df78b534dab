"use strict";
// Brings node_modules in line with package-lock.json, so that a clean clone needs no command before the first one.
const { spawn, spawnSync } = require("child_process");
const { createHash } = require("crypto");
const { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } = require("fs");
const path = require("path");
const { setTimeout: delay } = require("timers/promises");

/** Seconds another installation may take before we stop waiting for it. */
const patience = 600;

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

/** Whether what npm says it installed is what the lock file asks for; packages for other platforms may be missing. */
function sameAsInstalled(lock, installed) {
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(lock, "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.keys(wanted).every((name) => {
    if (name === "") return true;
    const found = present[name];
    return found ? found.version === wanted[name].version : Boolean(wanted[name].optional || wanted[name].peer);
  });
}

/** Installed by us from this very lock file, or by npm with the same result, which is then put on record. */
function upToDate(root) {
  const { lock, recorded, installed } = files(root);
  const wanted = digest(lock);
  if (existsSync(recorded) && existsSync(installed) && readFileSync(recorded, "utf8") === wanted) return true;
  if (!sameAsInstalled(lock, installed)) return false;
  writeFileSync(recorded, wanted);
  return true;
}

/** Whether the installation that wrote this number still runs. Numbers are given out again, so it must look like one. */
function alive(pid) {
  const { status, stdout } = spawnSync("ps", ["-o", "stat=,args=", "-p", String(pid)], { encoding: "utf8" });
  if (status === 0) return !stdout.startsWith("Z") && stdout.includes("talos-mesh.cjs");
  if (status !== null) return false;
  // There is no `ps` here.
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Takes the lock, or says who has it. A lock whose owner has died is moved away: a rename has one winner. */
function take(busy) {
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
    if (error.code === "ENOENT") return take(busy);
    throw error;
  }
  // Empty for the moment between its making and its writing.
  if (owner === 0 || alive(owner)) return owner || "unknown";
  const moved = `${busy}.${process.pid}`;
  try {
    renameSync(busy, moved);
    // Another process may have done the same and taken the lock since we looked: then it gets its lock back.
    if (readFileSync(moved, "utf8") !== String(owner)) renameSync(moved, busy);
    else rmSync(moved);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return take(busy);
}

/** Runs `npm ci`; gives what it printed where it failed. */
function npmCi(root) {
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const [program, all] = npm && npm.endsWith("npm-cli.js") ? [process.execPath, [npm, ...args]] : ["npm", args];
  return new Promise((resolve) => {
    const child = spawn(program, all, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    // Ctrl-C reaches npm as well, as one process group; what it leaves has no record, so the next run installs again.
    child.on("error", (error) => resolve(`npm did not start: ${error.message}. npm comes with Node.js.`));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(undefined);
      return resolve(`${output.trim()}\nnpm ci failed (${signal || `exit code ${code}`}); its messages are above.`);
    });
  });
}

/**
 * Installs the dependencies where they are missing or another lock file's. Two processes at once take turns.
 *
 * @returns {Promise<string | undefined>} what failed, for people; nothing where all is well
 */
async function ensureInstalled(root) {
  if (upToDate(root)) return undefined;
  const { lock, recorded, busy } = files(root);
  const notice = setTimeout(() => {
    if (process.stderr.isTTY) console.error("installing dependencies");
  }, 1000);
  try {
    const giveUp = Date.now() + patience * 1000;
    for (let owner = take(busy); owner !== undefined; owner = take(busy)) {
      if (Date.now() > giveUp) return `process ${owner} is installing dependencies for ${patience} s already (${busy})`;
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
