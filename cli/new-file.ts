import { writeFileSync } from "node:fs";
import { UserError } from "../components/shared/problem";

/**
 * Writes a file that does not exist yet.
 *
 * @throws UserError where it is there already, or cannot be written
 */
export function writeNewFile(file: string, text: string, mode = 0o666): void {
  try {
    writeFileSync(file, text, { flag: "wx", mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      code === "EEXIST" ? `${file} is there already; name another, or remove it.` : `${file}: ${code}`,
    );
  }
}
