"use strict";
// Lets Node load the project's TypeScript. It is ts-node's own transpile-only compiler with the result kept by
// content, because transpiling forty unchanged files is a third of the time of a short command such as `render`.
// Types are checked by `npm run typecheck`, not here.
const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const path = require("node:path");

const root = path.resolve(__dirname, "../..");
const folder = path.join(root, "node_modules", ".cache", "talos-mesh", "js");
const salt = [
  require("ts-node/package.json").version,
  require("typescript/package.json").version,
  process.version,
  readFileSync(path.join(root, "tsconfig.json"), "utf8"),
].join("\n");

let compiler;
function compile(source, file) {
  compiler ??= require("ts-node").create({ transpileOnly: true, cwd: root });
  return compiler.compile(source, file);
}

function load(module, file) {
  const source = readFileSync(file, "utf8");
  const key = createHash("sha256").update(salt).update(path.relative(root, file)).update(source).digest("hex");
  const cached = path.join(folder, `${key}.js`);
  let code;
  if (existsSync(cached)) {
    code = readFileSync(cached, "utf8");
  } else {
    code = compile(source, file);
    mkdirSync(folder, { recursive: true });
    // Renamed into place, so that a second process never reads half a file.
    const part = `${cached}.${process.pid}`;
    writeFileSync(part, code);
    renameSync(part, cached);
  }
  module._compile(code, file);
}

require.extensions[".ts"] = load;
