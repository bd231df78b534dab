/**
 * The SHA-256 of one file in a vendor's checksum document, as lower-case hex: a bare digest (dl.k8s.io), lines of digest
 * and name (etcd, Helm), or GitHub's JSON description of a release (kwok). Undefined when the document does not have it.
 */
export function findChecksum(document: string, fileName: string): string | undefined {
  const text = document.trim();
  if (text.startsWith("{")) return fromRelease(text, fileName);
  const lines = text.split("\n").map((line) => /^([0-9a-fA-F]{64})(?:\s+[*]?(\S+))?\s*$/.exec(line));
  const named = lines.find((line) => line?.[2]?.split("/").pop() === fileName);
  const bare = lines.length === 1 && lines[0]?.[2] === undefined ? lines[0] : undefined;
  return (named ?? bare)?.[1]?.toLowerCase();
}

function fromRelease(json: string, fileName: string): string | undefined {
  try {
    const { assets } = JSON.parse(json) as { assets?: { name?: string; digest?: string | null }[] };
    const digest = assets?.find(({ name }) => name === fileName)?.digest ?? "";
    return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  } catch {
    return undefined;
  }
}
