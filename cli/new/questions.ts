import type { z } from "zod";
import { clusterKinds, type ClusterSettings } from "../../components/cluster/kinds";
import {
  addressRange,
  apiServerUrl,
  dnsLabel,
  filePath,
  hostName,
  ipAddress,
  port,
} from "../../components/settings/fields";
import { nameAndValue, UsageError } from "../command";

/** Answers by the key of their question; of those only that apply. */
export type Answers = Readonly<Partial<Record<QuestionKey, string>>>;

export interface Question {
  readonly text: string;
  /** Value and meaning. */
  readonly choices?: (given: Answers) => readonly (readonly [value: string, meaning: string])[];
  /** What Enter, or a missing flag, means. */
  readonly fallback?: (given: Answers) => string | undefined;
  /** @default always */
  readonly applies?: (given: Answers) => boolean;
  /** Throws a UsageError with what is expected. */
  readonly check?: (answer: string) => unknown;
}

const kinds: Readonly<Record<ClusterSettings["kind"], string>> = {
  embedded: "a control plane on this machine with simulated nodes: objects, no traffic",
  docker: "Talos in containers of Docker on this machine",
  talos: "machines that boot Talos Linux and wait in maintenance mode",
  existing: "a cluster that you have already",
};

const environments = {
  dev: "everything is allowed",
  staging: "as production, but for what a rehearsal needs",
  production: "refuses faults, plain text, wildcard hosts, a destroy that wipes disks",
};

const isTalos = ({ kind }: Answers) => kind === "talos";
const hasMachines = ({ kind }: Answers) => kind === "talos" || kind === "existing";
const isOwn = ({ application }: Answers) => application === "own";

/** In the order in which they are asked: an answer decides which later ones apply. */
export const questions = {
  kind: {
    text: "Kind of cluster",
    choices: () => Object.entries(kinds),
  },
  environment: {
    text: "Environment",
    choices: ({ kind }) =>
      Object.entries(environments).filter(([name]) =>
        Object.entries(clusterKinds).some(
          ([each, { environments: allowed }]) => (kind ?? each) === each && allowed.some((one) => one === name),
        ),
      ),
    fallback: () => "dev",
  },
  endpoint: {
    text: "Address of the Kubernetes API: of the first control plane, or a virtual one that all of them share (https://10.0.0.10:6443)",
    applies: isTalos,
    check: field(apiServerUrl),
  },
  controlPlanes: {
    text: "Control planes, 1, 3 or 5 of them (cp-1=10.0.0.11,cp-2=10.0.0.12,cp-3=10.0.0.13)",
    applies: isTalos,
    check: machinesOf,
  },
  workers: {
    text: "Workers (worker-1=10.0.0.21,worker-2=10.0.0.22)",
    applies: isTalos,
    check: machinesOf,
  },
  installDisk: {
    text: "Disk that Talos is installed on (`talosctl get disks --insecure -n ADDRESS` lists them)",
    applies: isTalos,
    fallback: () => "/dev/sda",
    check: field(filePath.startsWith("/dev/", "expected a device such as /dev/sda")),
  },
  kubeconfig: {
    text: "Path of its kubeconfig",
    applies: ({ kind }) => kind === "existing",
    check: field(filePath),
  },
  dataPlane: {
    text: "Data plane of the mesh",
    choices: () => [
      ["sidecar", "a proxy in each pod"],
      ["ambient", "a proxy on each node, and one for each namespace (waypoint)"],
    ],
    fallback: () => "sidecar",
  },
  application: {
    text: "Application",
    choices: () => [
      ["bookinfo", "Istio's sample, deployed with the stack"],
      ["own", "one that is deployed elsewhere; the stack holds its policies"],
      ["none", "none yet"],
    ],
    fallback: () => "bookinfo",
  },
  service: {
    text: "Its Service that users call, as NAMESPACE/NAME:PORT (shop/front:8080)",
    applies: isOwn,
    check: serviceOf,
  },
  gateway: {
    text: "Gateway for requests from outside",
    choices: ({ kind }) => [
      ["NodePort", "a port of every node, for a load balancer of yours in front of them"],
      ...(kind === undefined || hasMachines({ kind })
        ? [["LoadBalancer", "an address from the cluster's load balancer"] as const]
        : []),
      ["none", "none"],
    ],
    fallback: () => "NodePort",
  },
  addresses: {
    text: "Addresses that MetalLB gives to gateways, free ones in the network of the nodes (10.0.0.100-10.0.0.120)",
    applies: ({ kind, gateway }) => kind === "talos" && gateway === "LoadBalancer",
    check: field(addressRange),
  },
  host: {
    text: "Host name of the application at the gateway (shop.example.com)",
    applies: ({ gateway, application }) => gateway !== "none" && application !== "none",
    fallback: ({ environment, application }) =>
      environment !== "dev" ? undefined : application === "own" ? "app.localhost" : "bookinfo.localhost",
    check: field(hostName),
  },
  addons: {
    text: "Addons",
    choices: () => [
      ["none", "none"],
      ["metrics", "Prometheus, Grafana and Kiali"],
      ["all", "traces (Jaeger) as well, and logs (Loki) where a StorageClass keeps them"],
    ],
    fallback: () => "metrics",
  },
  storageClass: {
    text: "StorageClass for the data of addons (none: it is lost with the pod)",
    applies: ({ addons, ...given }) => addons !== "none" && hasMachines(given),
    fallback: () => "none",
    check: field(dnsLabel),
  },
} as const satisfies Readonly<Record<string, Question>>;

export type QuestionKey =
  | "kind"
  | "environment"
  | "endpoint"
  | "controlPlanes"
  | "workers"
  | "installDisk"
  | "kubeconfig"
  | "dataPlane"
  | "application"
  | "service"
  | "gateway"
  | "addresses"
  | "host"
  | "addons"
  | "storageClass";

/** Asks until the answer can be used. */
export type Ask = (question: Question, given: Answers) => Promise<string>;

/**
 * The answers: from flags, then by asking; without `ask`, what a question falls back to.
 *
 * @throws UsageError with everything that is missing or does not fit
 */
export async function answersOf(flags: Answers, flagOf: (key: string) => string, ask?: Ask): Promise<Answers> {
  const problems: string[] = [];
  const missing: string[] = [];
  const answers = new Map<QuestionKey, string>();
  for (const [key, question] of Object.entries(questions) as [QuestionKey, Question][]) {
    const given: Answers = Object.fromEntries(answers);
    const flag = flags[key];
    if (question.applies?.(given) === false) {
      if (flag !== undefined) problems.push(`${flagOf(key)} does not go with ${described(given, flagOf)}; remove it`);
      continue;
    }
    const answer = flag ?? (ask ? await ask(question, given) : question.fallback?.(given));
    const problem = answer === undefined ? undefined : problemOf(answer, question, given);
    if (problem !== undefined) problems.push(`${flagOf(key)} "${answer}": ${problem}`);
    else if (answer === undefined) missing.push(`${flagOf(key)}: ${question.text}${listed(question, given)}`);
    else answers.set(key, answer);
    // It decides about most of the others.
    if (key === "kind" && !answers.has(key)) break;
  }
  if (missing.length > 0)
    problems.push(`missing, and there is no terminal to ask on:`, ...missing.map((line) => `  ${line}`));
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return Object.fromEntries(answers);
}

/** Why an answer cannot be used. */
export function problemOf(answer: string, { choices, check }: Question, given: Answers): string | undefined {
  const allowed = valuesOf({ choices }, given);
  if (allowed !== undefined && !allowed.includes(answer)) return `expected one of: ${allowed.join(", ")}`;
  try {
    check?.(answer);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

function described({ kind, environment, gateway, application, addons }: Answers, flagOf: (key: string) => string) {
  const parts = Object.entries({ kind, environment, application, gateway, addons });
  return parts.flatMap(([key, value]) => (value === undefined ? [] : [`${flagOf(key)} ${value}`])).join(" ");
}

/** The answers that can be chosen from; undefined where it takes others too. */
export function valuesOf({ choices }: Pick<Question, "choices">, given: Answers): readonly string[] | undefined {
  return choices?.(given).map(([value]) => value);
}

function listed(question: Question, given: Answers): string {
  const values = valuesOf(question, given);
  return values ? ` (${values.join(", ")})` : "";
}

function field(schema: z.ZodType): (answer: unknown) => void {
  return (answer) => {
    const { error } = schema.safeParse(answer);
    if (error) throw new UsageError(error.issues.map(({ message }) => message).join("; "));
  };
}

/** Names and addresses of machines, as in `cp-1=10.0.0.11,cp-2=10.0.0.12`. */
export function machinesOf(answer: string): { readonly hostname: string; readonly ipAddress: string }[] {
  return answer.split(",").map((machine) => {
    const [hostname, address] = nameAndValue(machine.trim());
    field(dnsLabel)(hostname);
    field(ipAddress)(address);
    return { hostname, ipAddress: address };
  });
}

export function serviceOf(answer: string) {
  const [, namespace = "", name = "", number] = /^([^/:]+)\/([^/:]+):(\d+)$/.exec(answer) ?? [];
  if (number === undefined) throw new UsageError("expected NAMESPACE/NAME:PORT");
  field(dnsLabel)(namespace);
  field(dnsLabel)(name);
  field(port)(Number(number));
  return { namespace, name, port: Number(number) };
}
