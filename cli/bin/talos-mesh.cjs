"use strict";
// Entry of every npm script. Plain JavaScript without packages, in syntax that an old Node can read: it runs before
// anything is installed, and has to report a Node that is too old.
const { readFileSync, readdirSync } = require("fs");
const path = require("path");

const root = path.resolve(__dirname, "../..");

/** The commands of all files. Name and summary are read from the `declare` in the file, without loading it. */
function findCommands() {
  const commands = [];
  for (const folder of ["cli/commands", "scripts"]) {
    for (const entry of readdirSync(path.join(root, folder)).sort()) {
      if (!entry.endsWith(".ts")) continue;
      const file = path.join(root, folder, entry);
      const declared = /^export const command[^]*?^ {2}name: "(.+)",\n {2}summary:\s+"(.+)",$/m.exec(
        readFileSync(file, "utf8"),
      );
      const fileName = path.basename(entry, ".ts");
      const [name, summary] = declared ? [declared[1], declared[2]] : [fileName, ""];
      commands.push({ file, fileName, name, summary });
    }
  }
  return commands;
}

function usage(commands) {
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`);
  return `Usage: npm start, npm test, or npm run COMMAND [-- OPTIONS]\n\n${lines.join("\n")}`;
}

/** ` (did you mean ...?)` where a command differs in one letter, or in the order of two. */
function suggestion(typed, commands) {
  const without = (word, at) => word.slice(0, at) + word.slice(at + 1);
  const shortened = (word) => [word, ...Array.from(word, (_, at) => without(word, at))];
  const near = commands.find(({ name }) => shortened(name).some((each) => shortened(typed).includes(each)));
  return near ? `; did you mean ${near.name}?` : "";
}

/** Why this Node cannot be used; undefined where it can. Understands ">=MAJOR.MINOR" only. */
function nodeProblem(required) {
  const [major, minor] = required.replace(">=", "").split(".").map(Number);
  const [nodeMajor, nodeMinor] = process.versions.node.split(".").map(Number);
  if (nodeMajor > major || (nodeMajor === major && nodeMinor >= minor)) return undefined;
  return `talos-mesh needs Node ${required}, and this is ${process.version} (${process.execPath}). Node.js: https://nodejs.org`;
}

/**
 * Prints an error. A problem that the user can solve is its message alone: errors with a `userMessage`, and the SDK's
 * RunError, which the Pulumi CLI prints in the same way. Any other error is a fault of ours and needs its stack.
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

async function main(argv) {
  const [name, ...args] = argv;
  const commands = findCommands();
  if (name === "--help" || name === "-h") {
    console.log(usage(commands));
    return 0;
  }
  const command = commands.find((each) => each.name === name || each.fileName === name);
  if (command === undefined) {
    const problem = name === undefined ? "no command" : `unknown command "${name}"${suggestion(name, commands)}`;
    console.error(`${problem}\n${usage(commands)}`);
    return 2;
  }
  const problem = nodeProblem(JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).engines.node);
  if (problem) {
    console.error(problem);
    return 1;
  }
  const failure = await require("./ensure-installed.cjs").ensureInstalled(root);
  if (failure) {
    console.error(failure);
    return 1;
  }
  require("./register.cjs");
  return require("../command.ts").runScript(require(command.file).command, args, process.env);
}

// The reader of the output may have ended (`npm start | head`); the command runs to its end all the same.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
  });
}

// Node ends when nothing is left to do, also where a command waits for something that never comes: not a success.
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
