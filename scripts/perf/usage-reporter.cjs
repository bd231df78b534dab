"use strict";
// Preloaded into a measured process. At its end, it writes to file descriptor 3 what the process used, and which files of
// the provider SDKs it loaded.
const { writeSync } = require("node:fs");

process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const sdk = Object.keys(require.cache).filter((file) => /node_modules[\\/]@pulumi[\\/](?!pulumi[\\/])/.test(file));
  writeSync(3, JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, memory: maxRSS * 1024, sdk }));
});
