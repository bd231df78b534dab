import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);

const download = z.object({ Dir: z.string().optional(), Error: z.string().optional() });

/** The part of a failed `execFile` that tells what went wrong; `go mod download -json` reports on stdout. */
const failure = z.object({ code: z.union([z.string(), z.number()]).optional(), stdout: z.string().default("") });

/**
 * Brings a Go module into Go's module cache, where Go has checked it against its checksum database.
 *
 * @param module path and version, such as `istio.io/api@v1.31.1`
 * @returns the folder that holds the module's files (read-only)
 * @throws Error where there is no Go, or the module cannot be had
 */
export async function goModuleFolder(module: string): Promise<string> {
  const output = await run("go", ["mod", "download", "-json", module]).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      const { code, stdout } = failure.parse(error);
      if (code === "ENOENT") {
        throw new Error(`${module}: no "go" in PATH. Install Go (https://go.dev/dl/) and run this again.`);
      }
      return stdout;
    },
  );
  const { Dir: folder, Error: reason } = download.parse(output === "" ? {} : JSON.parse(output));
  if (folder === undefined) {
    throw new Error(`${module}: go mod download failed: ${reason ?? "it printed nothing"}. See "go env GOPROXY".`);
  }
  return folder;
}
