import path from "node:path";
import { Document, isCollection, isMap, isScalar, type Node, type Pair, visit } from "yaml";
import { namespace } from "../../components/shared/problem";
import type { StackChoice } from "../stack-option";
import type { Answers } from "./questions";
import { sections } from "./sections";

/** Text of the stack file that the answers describe. */
export function stackTemplate({ stack, configFile, projectRoot }: StackChoice, answers: Answers): string {
  const document = new Document({ config: {} });
  const schema = path.relative(path.dirname(configFile), path.join(projectRoot, "talos-mesh.schema.json"));
  document.commentBefore = [
    ` yaml-language-server: $schema=${schema.startsWith(".") ? schema : `./${schema}`}`,
    "",
    ` ${stack}: written by \`npm run new\`. All settings: docs/stack-file.md; an editor with a YAML language server completes them.`,
  ].join("\n");
  const config = document.get("config");
  if (!isMap(config)) throw new Error("config is a mapping");
  for (const [name, section] of Object.entries(sections(stack, answers))) {
    if (section === undefined) continue;
    const pair = document.createPair(`${namespace}:${name}`, section.value);
    comment(pair, section.comment, config.items.length > 0);
    for (const [at, note] of Object.entries(section.notes ?? {})) comment(pairAt(pair.value, at.split(".")), note);
    config.items.push(pair);
    if (isCollection(pair.value)) compact(pair.value);
  }
  config.flow = false;
  // As prettier writes lists; nothing else in the file has spaces there.
  return document.toString({ lineWidth: 116 }).replace(/(?<=\[) | (?=\])/g, "");
}

function comment(pair: Pair<unknown, unknown> | undefined, text: string, spaceBefore = false): void {
  if (pair === undefined || !isScalar(pair.key)) throw new Error(`nothing to comment: ${text}`);
  pair.key.commentBefore = text.replace(/^/gm, " ");
  pair.key.spaceBefore = spaceBefore;
}

function pairAt(node: unknown, [key, ...rest]: readonly string[]): Pair | undefined {
  const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  return rest.length === 0 ? pair : pairAt(pair?.value, rest);
}

/** Puts collections without comments that are short on one line, but for the section itself. */
function compact(section: Node): void {
  visit(section, {
    Collection(_key, node) {
      let commented = false;
      visit(node, { Scalar: (_, { commentBefore }) => void (commented ||= commentBefore !== undefined) });
      if (node === section || commented || JSON.stringify(node).length > 90) return undefined;
      node.flow = true;
      return visit.SKIP;
    },
  });
}

/** What to do with the new file, in order. @param option names the stack on a command line */
export function nextSteps(stack: string, option: string, { kind, environment, application: name }: Answers): string[] {
  const needs = {
    docker: "start Docker; install talosctl, kubectl and the Pulumi CLI",
    talos: "boot the machines from Talos' image; install talosctl, kubectl and the Pulumi CLI",
    existing: "install the Pulumi CLI",
  };
  const backend = environment !== "dev" && "log in to a backend that others share: pulumi login, or PULUMI_BACKEND_URL";
  const steps = [
    "read the file, and change what is different with you",
    kind !== "embedded" && needs[kind as keyof typeof needs],
    backend,
    name === "own" && "add the other workloads of the application, and who may call them: docs/policies.md",
    `see what is missing here: npm run doctor -- ${option}`,
    `see every object, without a cluster: npm run render -- ${option} --out out/${stack}`,
    environment === "production" &&
      `see what guardrails refuse, such as images without a digest: npm run render -- ${option} --out out/${stack} --guardrails`,
    `deploy it: npm start -- ${option}`,
  ].filter((step) => step !== false);
  return ["Next:", ...steps.map((step, index) => `  ${index + 1}. ${step}`)];
}
