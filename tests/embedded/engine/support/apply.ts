import { quietObserver } from "./observer";
import { applyStack } from "../../../../embedded/engine/run";

// Deploys in a process of its own, so that a test can kill it.
const [projectRoot = "", configFile = "", main = ""] = process.argv.slice(2);
void applyStack({ projectRoot, stack: "dev", configFile, main, observer: quietObserver() });
