"use strict";
// `npm install` points git at .githooks, so that `npm run check` runs before every commit. Outside a git checkout
// (an unpacked archive, an image build) there is nothing to do.
const { spawnSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const path = require("node:path");

const root = path.resolve(__dirname, "..");
if (existsSync(path.join(root, ".git"))) {
  spawnSync("git", ["config", "core.hooksPath", ".githooks"], { cwd: root, stdio: "ignore" });
}
