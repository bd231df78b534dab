import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { unzipSync } from "fflate";

/**
 * Takes one file out of a .tar.gz or .zip and writes it to `destination`.
 *
 * @throws Error when the archive does not have it.
 */
export function extractMember(archive: string, kind: "tar.gz" | "zip", member: string, destination: string): void {
  const bytes = readFileSync(archive);
  const found = kind === "zip" ? memberOfZip(bytes, member) : memberOfTar(gunzipSync(bytes), member);
  if (found === undefined) throw new Error(`${path.basename(archive)} holds no ${member}`);
  writeFileSync(destination, found);
}

function memberOfZip(zip: Uint8Array, member: string): Uint8Array | undefined {
  return unzipSync(zip, { filter: ({ name }) => name === member })[member];
}

const block = 512;

// A tar file is a header block (name in bytes 0-99, size in octal digits in bytes 124-135), the content padded to full
// blocks, and so on until a block of zeros. The vendors' member names are short, so the long-name extensions of the
// format can be passed over like any other file.
function memberOfTar(tar: Uint8Array, member: string): Uint8Array | undefined {
  const text = (from: number, to: number) =>
    Buffer.from(tar.subarray(from, to)).toString("latin1").split("\0")[0] ?? "";
  for (let header = 0; header + block <= tar.length;) {
    const name = text(header, header + 100);
    if (name === "") return undefined;
    const size = Number.parseInt(text(header + 124, header + 136), 8);
    const content = header + block;
    if (name.replace(/^\.\//, "") === member) return tar.subarray(content, content + size);
    header = content + Math.ceil(size / block) * block;
  }
  return undefined;
}
