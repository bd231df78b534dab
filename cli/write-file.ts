import { realpathSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { readIfExists, writeFileAtomically } from "../components/shared/files";
import { UserError } from "../components/shared/problem";

export function writeNewFile(file: string, text: string, mode = 0o666): void {
  try {
    writeFileSync(file, text, { flag: "wx", mode });
  } catch (error) {
    const { code = "error" } = error as NodeJS.ErrnoException;
    const reason =
      code === "EEXIST"
        ? "is there already; name another, or remove it."
        : code === "ENOENT"
          ? "cannot be written: its folder does not exist; create the folder, or name another file."
          : `cannot be written (${code}); name a file in a folder that you may write.`;
    throw new UserError(`${file} ${reason}`, { cause: error });
  }
}

/** Updates a generated file of the project, or only checks it. Gives the exit code. */
export function updateGenerated(file: string, text: string, check: boolean, generator: string): number {
  const name = path.relative(path.resolve(__dirname, ".."), file);
  if (readIfExists(file) === text) {
    console.log(`${name} is up to date.`);
    return 0;
  }
  if (check) {
    console.error(`${name} is out of date; run \`${generator}\`.`);
    return 1;
  }
  writeFileSync(file, text);
  console.log(`${name} written.`);
  return 0;
}

/**
 * Replaces a stack file that is unchanged since it was read; of a link, the file that it leads to.
 *
 * @param before what was read
 */
export function replaceStackFile(configFile: string, before: string, text: string): void {
  const file = realpathSync(configFile);
  if (readIfExists(file) !== before) {
    throw new UserError(`${configFile} was changed meanwhile by others, and is left as it is; run this again.`);
  }
  try {
    writeFileAtomically(file, text, statSync(file).mode & 0o777);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`${configFile} cannot be written (${code}); nothing was changed.`, { cause: error });
  }
}
