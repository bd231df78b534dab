import { deployStack } from "../../../../embedded/engine/deploy";
import { recordingObserver } from "./observer";

// Deploys in a process of its own, so that a test can kill it. Prints each event.
const [projectRoot = "", stack = "", configFile = "", main = ""] = process.argv.slice(2);
const recording = recordingObserver();
const print = (line: string) => process.stdout.write(`${line}\n`);
void deployStack({
  ...{ projectRoot, stack, configFile, main, yes: true },
  observer: {
    ...recording,
    started: ({ label }) => print(`started ${label}`),
    finished: ({ label }) => print(`finished ${label}`),
  },
});
