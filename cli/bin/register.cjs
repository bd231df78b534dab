"use strict";
// Lets Node load the project's TypeScript, and the Pulumi SDK faster.
const { createHash } = require("node:crypto");
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const path = require("node:path");

// The compiler is ts-node's own in transpile-only mode, with its results cached by content: compiling forty unchanged
// files is a third of the time of a short command such as `render`. `npm run typecheck` checks the types.
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
  if (compiler === undefined) {
    const { prepareStackTrace } = Error;
    compiler = require("ts-node").create({ transpileOnly: true, cwd: root });
    // ts-node maps every stack trace to the sources. The SDK takes a stack trace for each promise: a run of the program
    // would need twice the time in a process that has compiled a file.
    Error.prepareStackTrace = prepareStackTrace;
  }
  return compiler.compile(source, file);
}

require.extensions[".ts"] = (module, file) => {
  const source = readFileSync(file, "utf8");
  const key = createHash("sha256").update(salt).update(path.relative(root, file)).update(source).digest("hex");
  const cached = path.join(folder, `${key}.js`);
  let code;
  if (existsSync(cached)) {
    code = readFileSync(cached, "utf8");
  } else {
    code = compile(source, file);
    mkdirSync(folder, { recursive: true });
    // Renamed into place, so that another process never reads half a file.
    const part = `${cached}.${process.pid}`;
    writeFileSync(part, code);
    renameSync(part, cached);
  }
  module._compile(code, file);
};

// @pulumi/pulumi loads the TypeScript compiler and npm's dependency solver for functions that run elsewhere (Lambdas,
// dynamic providers), its Automation API, and exporters of traces. A run of this program uses none of them, and they are
// more than half of the SDK's loading time: so they are loaded at their first use.
const deferred = new Set([
  ...["typescript", "@npmcli/arborist", "./automation"],
  ...[
    "exporter-zipkin",
    "instrumentation",
    "instrumentation-grpc",
    "resources",
    "sdk-trace-base",
    "sdk-trace-node",
  ].map((name) => `@opentelemetry/${name}`),
]);
const sdk = `${path.sep}node_modules${path.sep}@pulumi${path.sep}pulumi${path.sep}`;
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const isOfSdk = parent?.filename?.includes(sdk) === true;
  // It maps every stack trace to the sources, also those that the SDK takes for each promise: a sixth of a preview.
  if (isOfSdk && request === "source-map-support/register") return {};
  if (!deferred.has(request) || !isOfSdk) return load.call(this, request, parent, isMain);
  let loaded;
  const real = () => (loaded ??= load.call(this, request, parent, isMain));
  return new Proxy(function () {}, {
    // TypeScript's helper for `import *` takes a module with this mark as it is, and copies any other.
    get: (_target, name) => (name === "__esModule" && !loaded ? true : Reflect.get(real(), name)),
    has: (_target, name) => Reflect.has(real(), name),
    apply: (_target, self, args) => Reflect.apply(real(), self, args),
    construct: (_target, args) => Reflect.construct(real(), args),
  });
};
