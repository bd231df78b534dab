"use strict";
// Every `npm run` of this project comes through here. Plain JavaScript of an old dialect and no packages: it runs
// before anything is installed, and on a Node that is too old it must still get as far as saying so.
const { readFileSync } = require("fs");
const path = require("path");

const commands = {
  start: "deploy a stack, dev unless another is named",
  status: "show what is deployed",
  destroy: "take a stack down",
  bench: "measure what the mesh of a deployed stack costs",
  dashboard: "forward a port to Kiali, Grafana, Jaeger, Zipkin or Prometheus",
  proxies: "compare every proxy with its control plane",
  render: "write every object, release and command of a stack to files",
  images: "list every image that a stack pulls, for a mirror",
  profile: "show what Istio's profiles set (npm run profile -- list)",
  policies: "say what would happen to a request (npm run policies -- explain)",
  jwt: "make keys and tokens for rules about tokens (npm run jwt -- keygen)",
  test: "run the tests",
  check: "check format, lint and types",
  perf: "measure what rendering costs, and how it grows",
  schema: "write the JSON Schema of the stack files",
  "import-talhelper": "turn a talconfig into a stack's settings (npm run import:talhelper)",
  "talos-diff": "show what a deployment would change on Talos nodes (npm run talos:diff)",
  "talos-config": "write a talosconfig for talosctl (npm run talos:config)",
};

/** Commands that work on the project itself. */
const forDevelopers = new Set(["test", "check", "perf", "schema"]);

const root = path.resolve(__dirname, "../..");

function usage() {
  const lines = Object.keys(commands).map((name) => `  ${name.padEnd(18)}${commands[name]}`);
  return `usage: npm start, npm test, or npm run COMMAND [-- OPTIONS]\n\n${lines.join("\n")}`;
}

/** What is wrong with this Node, or nothing. Only the form ">=MAJOR.MINOR" is understood. */
function wrongNode(wanted) {
  const [major, minor] = wanted.replace(">=", "").split(".").map(Number);
  const [nodeMajor, nodeMinor] = process.versions.node.split(".").map(Number);
  if (nodeMajor > major || (nodeMajor === major && nodeMinor >= minor)) return undefined;
  return `talos-mesh needs Node ${wanted}, and this is ${process.version} (${process.execPath}). Node.js: https://nodejs.org`;
}

/**
 * Errors whose message is for people are printed as the message alone: those that say so, and the SDK's RunError,
 * which marks an error of the user's to the Pulumi CLI too. Anything else is ours, and its stack is what is needed.
 */
function report(error) {
  if (error && (error.userMessage || error.name === "SettingsError" || error.__pulumiRunError)) {
    console.error(error.userMessage || error.message);
  } else if (error && error.code === "ENOSPC") {
    console.error(`The disk is full (${error.message}). Free some space, then run the same command again.`);
  } else {
    console.error(error && error.stack ? error.stack : error);
    if (error && error.cause) console.error("caused by:", error.cause);
    console.error("\nThis is a fault in talos-mesh, not in your settings. Please report it with the lines above.");
  }
}

/**
 * Options that npm has taken for its own, with their values where it still knows them: `npm run destroy --stack=x`,
 * without the `--`, would go to dev, and `npm run bench --scenarios=none` measure everything.
 */
function swallowed() {
  const names = ["stack", "config", "engine", "out", "runs", "scenarios", "quick"];
  return names.flatMap((name) => {
    const value = process.env[`npm_config_${name}`];
    return value ? [{ name: `--${name}`, value: value === "true" ? undefined : value }] : [];
  });
}

/** The command line that was meant, as far as it can be told: of `--stack x` npm leaves `x` among the arguments. */
function meant(lost, args) {
  const sure = lost.length === 1 || lost.every(({ value }) => value !== undefined);
  if (!sure) return lost.map(({ name }) => `${name} ...`).join(" ");
  return [...lost.flatMap(({ name, value }) => [name, ...(value === undefined ? [] : [value])]), ...args].join(" ");
}

async function main(argv) {
  const [command, ...args] = argv;
  if (command === "--help" || command === "-h") {
    console.log(usage());
    return 0;
  }
  if (!Object.prototype.hasOwnProperty.call(commands, command)) {
    console.error(`${command === undefined ? "no command" : `unknown command "${command}"`}\n${usage()}`);
    return 2;
  }
  const lost = swallowed();
  if (lost.length > 0) {
    const script = process.env.npm_lifecycle_event || command;
    console.error(
      `npm keeps ${lost.map(({ name }) => name).join(" and ")} for itself, as nothing says that it is for the command. ` +
        `Put -- before it:\n  npm run ${script} -- ${meant(lost, args)}`,
    );
    return 2;
  }
  const wrong = wrongNode(JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).engines.node);
  if (wrong) {
    console.error(wrong);
    return 1;
  }
  const failed = await require("./ensure-installed.cjs").ensureInstalled(root);
  if (failed) {
    console.error(failed);
    return 1;
  }
  require("./lazy-modules.cjs");
  require("./register.cjs");
  const folder = forDevelopers.has(command) ? "../../scripts" : "../commands";
  return require(`${folder}/${command}.ts`).main(args);
}

// Whoever reads what is printed may have gone (`npm start | head`): the work goes on, unseen, to its end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
  });
}

// A command that waits for what never comes leaves Node with nothing to do; that must not look like success.
process.exitCode = 1;
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    report(error);
    process.exitCode = 1;
  },
);
