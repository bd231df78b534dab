import path from "node:path";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { formatPath, UserError } from "../../components/shared/problem";
import { capabilityPage } from "../../policies/capabilities";
import { explain } from "../../policies/explain/explain";
import { guardrailPage } from "../../policies/guardrails/page";
import { type Command, declare, matching, nameAndValue, portOf } from "../command";
import { clusterAccess } from "../engine/pulumi-cli";
import { plainText, type PlainTextReport } from "../plain-text";
import { table } from "../report/terminal";
import { openStack, projectRoot, stackOptions } from "../stack-option";
import { updateGenerated } from "../write-file";

const explainCommand = declare({
  name: "explain",
  summary: "what would happen to a request, with the rules that decide it; reads no cluster",
  options: {
    ...stackOptions,
    from: {
      value: "name",
      text: "caller: a workload, namespace/workload, a gateway, or outside (a pod outside the mesh)",
      required: true,
    },
    to: {
      value: "name",
      text: "destination: a workload, namespace/workload, or a host outside the mesh",
      required: true,
    },
    method: { value: "method", text: "HTTP method", default: "GET" },
    path: {
      value: "path",
      text: "path, with its query",
      default: "/",
      parse: matching(/^\//, "a path that begins with /"),
    },
    header: { value: "name=value", text: "request header; once for each", repeated: true, parse: nameAndValue },
    claim: {
      value: "name=value",
      text: "claim of a valid token; once for each; iss is its issuer",
      repeated: true,
      parse: nameAndValue,
    },
    port: { value: "port", text: "port of the destination or gateway (default: the one for HTTP)", parse: portOf },
    address: { value: "ip", text: "address of the caller, for rules by address" },
  },
  exitCodes: { 1: "refused, something failed, or the request would not get through" },
  run({ header, claim, stack, config, ...request }) {
    const headers = Object.fromEntries(header);
    const claims = claim.length > 0 ? Object.fromEntries(claim) : undefined;
    const { outcome, steps } = explainRequest(openStack({ stack, config }).policies, { ...request, claims, headers });
    const { method, path: requestPath, from, to } = request;
    console.log(`${method} ${requestPath} from ${from} to ${to}: ${outcome}`);
    for (const step of steps) console.log(`  ${step.what}${step.path ? `  (${formatPath(step.path)})` : ""}`);
    return outcome === "denied" || outcome === "no route" ? 1 : 0;
  },
});

const plaintext = declare({
  name: "plaintext",
  summary: "callers that still use plain text, before mTLS becomes STRICT; reads the stack's Prometheus",
  options: {
    ...stackOptions,
    window: {
      value: "time",
      text: "how far back, such as 12h or 7d",
      default: "1d",
      parse: matching(/^[1-9]\d*[smhdw]$/, "a time such as 12h or 7d"),
    },
  },
  exitCodes: { 1: "refused, something failed, there was plain text, or no traffic to judge by" },
  async run({ window, ...given }) {
    const opened = openStack(given);
    const { observability } = opened.settings;
    if (!observability?.prometheus) {
      throw new UserError(
        "plaintext reads the stack's Prometheus, and talos-mesh:observability has none. Add prometheus: {} there and deploy it.",
      );
    }
    if (opened.cluster.simulatedNodes) {
      throw new UserError("plaintext: the nodes are simulated and carry no traffic, so there is nothing to count.");
    }
    const server = await ApiServer.open(await clusterAccess(opened, "plaintext reads the cluster's Prometheus"));
    const { namespace } = observability;
    const read = (query: string) =>
      server.request("GET", query).catch((error: unknown) => {
        throw new UserError(`plaintext: the Prometheus of namespace ${namespace} does not answer: ${String(error)}`);
      });
    return reportPlainText(await plainText(read, { namespace, window }), window);
  },
});

const tableOfDataPlanes = declare({
  name: "table",
  summary: "write docs/policies-data-planes.md: what each policy becomes in each data plane",
  options: { check: { text: "write nothing; exit code 1 where the page is out of date" } },
  run({ check }) {
    const page = path.join(projectRoot, "docs/policies-data-planes.md");
    return updateGenerated(page, capabilityPage(), check, "npm run policies -- table");
  },
});

const pageOfGuardrails = declare({
  name: "guardrails",
  summary: "write docs/guardrails.md: what a stack may deploy, by environment",
  options: { check: { text: "write nothing; exit code 1 where the page is out of date" } },
  run({ check }) {
    const page = path.join(projectRoot, "docs/guardrails.md");
    return updateGenerated(page, guardrailPage(), check, "npm run policies -- guardrails");
  },
});

export const command: Command = {
  name: "policies",
  summary: "explain what would happen to a request (npm run policies -- explain)",
  commands: [explainCommand, plaintext, tableOfDataPlanes, pageOfGuardrails],
};

function reportPlainText({ pairs, total }: PlainTextReport, window: string): number {
  if (total === 0) {
    console.log(`Prometheus saw no traffic in the mesh in ${window}, so nothing is known about plain text.`);
    return 1;
  }
  if (pairs.length === 0) {
    console.log(`No plain text in ${window}: all traffic of the mesh used mTLS.`);
    return 0;
  }
  const rows = pairs.map(({ from, to, count }) => [from, to, Math.ceil(count)]);
  console.log(table(["from", "to", `requests and connections in ${window}`], rows).join("\n"));
  if (pairs.some(({ from }) => from === "unknown/unknown")) {
    console.log("unknown/unknown: callers outside the mesh, which have no name there.");
  }
  return 1;
}

function explainRequest(...args: Parameters<typeof explain>): ReturnType<typeof explain> {
  try {
    return explain(...args);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(error.message) : error;
  }
}
