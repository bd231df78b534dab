import type { X509Certificate } from "node:crypto";
import { certificatesIn } from "../../model/certificates";
import type { ApiServer } from "../../shared/kubernetes/api-server";
import { requestPod } from "../../shared/kubernetes/pod-http";
import { listPods, type Pod } from "../../shared/kubernetes/pods";
import { parseJson } from "../../shared/json";
import { asTree, treesIn } from "../../shared/merge";
import { type ProgramContext, StepError } from "../../shared/step/program";
import { proxiesIn } from "./mesh-state";
import type { StepRequests } from "./steps";

/** How far the mesh is between two roots: what proxies trust, and who signed what they have. */

/** Of one identity: a proxy, or a pod whose traffic ztunnel carries. */
export interface Trust {
  /** `namespace/pod`, for a ztunnel followed by the identity. */
  readonly name: string;
  /** Its own certificate, then those between it and its root. */
  readonly chain: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
}

/** Set to 1, a change of the authority is not checked: where an interruption is accepted. */
const replaceVariable = "TALOS_MESH_REPLACE_AUTHORITY";

const mostAtOnce = 10;
const readSeconds = 20;
const mostNames = 5;

/** Reads every proxy through its administration port, which answers localhost only. */
export async function readTrust(
  server: ApiServer,
  signal: AbortSignal,
): Promise<{ readonly read: Trust[]; readonly unread: string[] }> {
  const pods = await listPods(server, undefined, {}, signal);
  const withProxy = new Set(proxiesIn(pods).map(({ namespace, pod }) => `${namespace}/${pod}`));
  const open = pods.filter((pod) => pod.ready && (withProxy.has(nameOf(pod)) || isZtunnel(pod)));
  const [read, unread]: [Trust[], string[]] = [[], []];
  const readNext = async (): Promise<void> => {
    for (let pod = open.pop(); pod !== undefined; pod = open.pop()) {
      const found = await trustOf(server, pod, signal).catch(() => undefined);
      if (found) read.push(...found);
      else unread.push(nameOf(pod));
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, readNext));
  return { read: read.sort((a, b) => (a.name < b.name ? -1 : 1)), unread: unread.sort() };
}

function isZtunnel({ app, deleting }: Pod): boolean {
  return app === "ztunnel" && !deleting;
}

function nameOf({ namespace, name }: Pod): string {
  return `${namespace}/${name}`;
}

async function trustOf(server: ApiServer, pod: Pod, signal: AbortSignal): Promise<Trust[]> {
  const path = isZtunnel(pod) ? "/config_dump" : "/config_dump?resource=dynamic_active_secrets";
  const target = { namespace: pod.namespace, pod: pod.name, port: 15_000 };
  const either = AbortSignal.any([signal, AbortSignal.timeout(readSeconds * 1000)]);
  const { status, content } = await requestPod(server, target, { path }, either);
  if (status !== 200) throw new Error(`status ${status}`);
  return isZtunnel(pod) ? trustInZtunnel(nameOf(pod), content) : trustInEnvoy(nameOf(pod), content);
}

/** Source: envoyproxy/envoy, api/envoy/admin/v3/config_dump.proto, with the names that Istio's agent gives the secrets. */
export function trustInEnvoy(name: string, content: string): Trust[] {
  const secrets = new Map(treesIn(asTree(parseJson(content)).configs).map((each) => [each.name, asTree(each.secret)]));
  const inline = (value: unknown) => certificatesIn(decoded(asTree(value).inline_bytes));
  const chain = inline(asTree(secrets.get("default")?.tls_certificate).certificate_chain);
  const roots = inline(asTree(secrets.get("ROOTCA")?.validation_context).trusted_ca);
  if (chain.length === 0 || roots.length === 0) throw new Error("it has no certificate");
  return [{ name, chain, roots }];
}

/** Source: istio/ztunnel, src/admin.rs, CertsDump. */
export function trustInZtunnel(name: string, content: string): Trust[] {
  const certificates = (value: unknown) => treesIn(value).flatMap(({ pem }) => certificatesIn(decoded(pem)));
  return treesIn(asTree(parseJson(content)).certificates).flatMap(({ identity, certChain, rootCerts }) => {
    const [chain, roots] = [certificates(certChain), certificates(rootCerts)];
    return chain.length > 0 && roots.length > 0 ? [{ name: `${name} ${String(identity)}`, chain, roots }] : [];
  });
}

function decoded(value: unknown): string {
  return typeof value === "string" ? Buffer.from(value, "base64").toString() : "";
}

/** The one of the roots that a chain ends at. */
function rootOf(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): X509Certificate | undefined {
  return roots.find((root) =>
    chain.some((one) => isSame(one, root) || (one.checkIssued(root) && one.verify(root.publicKey))),
  );
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.fingerprint256 === other.fingerprint256;
}

function trusts({ roots }: Trust, root: X509Certificate): boolean {
  return roots.some((one) => isSame(one, root));
}

export function described(root: X509Certificate): string {
  const [name] = root.subject.split("\n").reverse();
  return `${name ?? "root"} (${root.fingerprint256.slice(0, 11)})`;
}

function listed(workloads: readonly Trust[]): string {
  const names = workloads.slice(0, mostNames).map(({ name }) => name);
  return `${names.join(", ")}${workloads.length > mostNames ? ` and ${workloads.length - mostNames} more` : ""}`;
}

/**
 * Before the authority changes: fails where workloads would no longer trust each other, because some do not trust the root
 * that is to sign yet, or because the root of a certificate in use is to go.
 */
export async function authorityCheck(
  { server, log, signal }: Pick<ProgramContext, "server" | "log" | "signal">,
  { certificate, roots }: StepRequests["authority-check"],
  isForced = process.env[replaceVariable] === "1",
) {
  if (isForced) {
    log(`${replaceVariable} is set: not checked whether workloads trust the new authority`);
    return { checked: 0 };
  }
  const { read, unread } = await readTrust(server, signal);
  if (unread.length > 0) log(`could not read the certificates of ${unread.slice(0, mostNames).join(", ")}`);
  const problem = tooEarly(certificatesIn(certificate ?? ""), certificatesIn(roots), read);
  if (problem) throw new StepError(problem.what, `${problem.next}. To accept an interruption: ${replaceVariable}=1`);
  return { checked: read.length };
}

/** @param signer what is to sign, then what is between it and its root; empty where an issuer alone knows */
export function tooEarly(
  signer: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  workloads: readonly Trust[],
): { readonly what: string; readonly next: string } | undefined {
  const signing = rootOf(signer, roots);
  const without = signing ? workloads.filter((workload) => !trusts(workload, signing)) : [];
  if (signing && without.length > 0)
    return {
      what: `${without.length} of ${workloads.length} workloads do not trust ${described(signing)}, which is to sign: ${listed(without)}`,
      next: "keep the certificate and key that sign now, with both roots in rootCertificate; run up, and restart istiod and these workloads",
    };
  const orphaned = workloads.filter(({ chain }) => !rootOf(chain, roots));
  return orphaned.length === 0
    ? undefined
    : {
        what: `rootCertificate has no root of the certificates that ${orphaned.length} of ${workloads.length} workloads have: ${listed(orphaned)}`,
        next: "keep the root that signed them in rootCertificate until they have restarted with a certificate of the new one",
      };
}

interface RotationState {
  readonly message: string;
  /** The next step; undefined where nothing is under way. */
  readonly next?: string;
}

/** @param roots those that new pods get @returns undefined where no workload has a certificate */
export function rotationState(
  roots: readonly X509Certificate[],
  workloads: readonly Trust[],
): RotationState | undefined {
  if (workloads.length === 0) return undefined;
  const all = `${workloads.length} workloads`;
  const unaware = workloads.filter((workload) => roots.some((root) => !trusts(workload, root)));
  const [first, ...others] = roots.map((root) => ({
    root,
    signed: workloads.filter(({ chain }) => rootOf(chain, [root])),
  }));
  if (!first) return undefined;
  const names = roots.map(described).join(" and ");
  if (unaware.length > 0)
    return {
      message: `step 1: ${unaware.length} of ${all} do not trust all of ${names} yet: ${listed(unaware)}`,
      next: "restart istiod and these workloads, before another authority signs",
    };
  if (others.length === 0) {
    const stale = workloads.filter(({ roots: trusted }) => trusted.length > 1);
    const message = `all ${all} trust ${names}`;
    if (stale.length === 0) return { message };
    return {
      message: `step 3: ${message}; ${stale.length} trust a former root as well: ${listed(stale)}`,
      next: "restart them",
    };
  }
  const signers = [first, ...others].filter(({ signed }) => signed.length > 0);
  const counts = signers.map(
    ({ root, signed }) => `${signed.length} of ${all} have a certificate under ${described(root)}`,
  );
  if (signers.length > 1) {
    const fewest = signers.reduce((a, b) => (b.signed.length < a.signed.length ? b : a));
    return {
      message: `step 2: ${counts.join(", ")}`,
      next: `restart the workloads that still have one of the former root; those of ${described(fewest.root)} are ${listed(fewest.signed)}`,
    };
  }
  return {
    message: `all ${all} trust ${names}; ${counts.join("")}`,
    next: `if that is the former root: store the new certificate and key, run up, restart istiod and the workloads; if it is the new one: store it alone in rootCertificate, and run up`,
  };
}
