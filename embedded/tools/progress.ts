import type { ToolProgress } from "./ensure-tools";

/**
 * What a user sees of tools that are obtained: a line where one begins and one where it is ready, and its step in between.
 * Nothing of a tool that is there already.
 * @param step of undefined: no tool is being obtained
 */
export function reportTools(
  line: (text: string) => void,
  step: (text: string | undefined) => void,
): (progress: ToolProgress) => void {
  const began = new Set<string>();
  return ({ tool, step: name, detail }) => {
    const text = detail === undefined ? name : `${name} (${detail})`;
    if (name === "ready") {
      step(undefined);
      if (began.has(tool)) line(`${tool}: ${text}`);
    } else if (name !== "skip") {
      if (!began.has(tool)) line(`${tool}: has to be obtained; this happens once`);
      began.add(tool);
      step(`${tool}: ${text}`);
    }
  };
}
