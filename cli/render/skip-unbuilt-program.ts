import * as pulumi from "@pulumi/pulumi";
import { leaveOutUnbuilt, loadSettings } from "../../components/validation/load";

// The program without the parts of the stack file that this release does not build. What is left out is said.
leaveOutUnbuilt();
for (const { path, message } of loadSettings().leftOut) {
  void pulumi.log.warn(`left out: talos-mesh:${path.join(".")}: ${message}`);
}

// Loaded only now, because the program reads its settings as it loads.
// eslint-disable-next-line @typescript-eslint/no-require-imports
export = require("../../index") as Record<string, unknown>;
