import path from "node:path";
import { connect } from "node:tls";
import { parse } from "yaml";
import { readTrust, rotationState } from "../../components/mesh/lifecycle/authority";
import { certificatesIn } from "../../components/model/certificates";
import { gatewayNamespace, deployedGateways } from "../../components/model/gateways";
import { readIfExists } from "../../components/shared/files";
import { rootNamespace } from "../../components/shared/istio";
import type { ApiServer } from "../../components/shared/kubernetes/api-server";
import { dataOf, secretText } from "../../components/shared/kubernetes/object";
import { asTree, isTree } from "../../components/shared/merge";
import { machineSecretsOf } from "../talos";
import { commandFor } from "../stack-option";
import { type Check, failure, type Found, notKnown, NothingToCheck, ok, type DoctorContext, warning } from "./doctor";

/** When certificates end that nothing renews by itself, or that show that a renewal has stopped. */

/** Days below which it is time to renew. */
const soon = 30;

const subject = "certificates";

export const certificateChecks: readonly Check[] = [
  { subject, where: "kubeconfig", limit: 40, run: kubeconfig },
  { subject, where: "API server", limit: 40, run: apiServer },
  { subject, where: "machine secrets", limit: 40, run: machineSecrets },
  { subject, where: "talosconfig", limit: 5, run: talosconfig },
  { subject, where: "gateways", limit: 40, run: gateways },
  { subject, where: "Istio CA", limit: 40, run: pluggedAuthority },
  { subject, where: "Istio roots", limit: 120, run: rotation },
];

/** @param pem one or several; the first to end counts */
export function expiry(where: string, pem: string | undefined, now: number, next: string): Found {
  const ends = certificatesIn(pem ?? "").map(({ validTo }) => Date.parse(validTo));
  return ends.length === 0
    ? notKnown(where, "is not a certificate in PEM")
    : ending(where, Math.min(...ends), now, next);
}

function ending(where: string, ends: number, now: number, next: string): Found {
  const days = Math.floor((ends - now) / 86_400_000);
  const message = `ends on ${new Date(ends).toISOString().slice(0, 10)}, ${days < 0 ? `${-days} days ago` : `in ${days} days`}`;
  if (days < 0) return failure(where, message, next);
  return days < soon ? warning(where, message, next) : ok(where, message);
}

async function kubeconfig({ server, model, now, stack }: DoctorContext): Promise<Found[]> {
  const api = await required(server);
  const { certFile, certData } = api.kubeConfig.getCurrentUser() ?? {};
  const pem = certData === undefined ? certFile && readIfExists(certFile) : Buffer.from(certData, "base64").toString();
  const where = "kubeconfig: client certificate";
  if (pem === undefined || pem === "") return [ok(where, "none: it logs in by a token or a command")];
  const next =
    model?.settings.cluster.kind === "existing"
      ? "get a new kubeconfig from where the cluster comes from"
      : `\`${commandFor("npm start", stack)}\` or \`pulumi up\` fetches a new one, once in each half of a year`;
  return [expiry(where, pem, now, next)];
}

/** The one that it serves with: nothing is sent there but the beginning of a connection. */
async function apiServer({ server, now }: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const { hostname, port } = new URL((await required(server)).address);
  const host = hostname.replace(/^\[|\]$/g, "");
  const ends = await new Promise<number>((resolve, reject) => {
    const socket = connect({ host, port: Number(port || 443), rejectUnauthorized: false }, () => {
      resolve(Date.parse(socket.getPeerCertificate().valid_to));
      socket.destroy();
    });
    socket.once("error", reject);
    signal.addEventListener("abort", () => socket.destroy(), { once: true });
  }).catch(() => NaN);
  // That it cannot be reached is a finding of its own; a proxy may be in between.
  if (Number.isNaN(ends)) throw new NothingToCheck();
  return [
    ending(
      "API server: certificate",
      ends,
      now,
      "renew it: Talos does by itself, kubeadm by `kubeadm certs renew apiserver`",
    ),
  ];
}

async function required(server: DoctorContext["server"]): Promise<ApiServer> {
  const api = await server().catch(() => undefined);
  if (api === undefined) throw new NothingToCheck();
  return api;
}

const authorities = new Map([
  ["os", "Talos"],
  ["k8s", "Kubernetes"],
  ["etcd", "etcd"],
  ["k8saggregator", "aggregated APIs"],
]);

/** The authorities of a Talos cluster, valid for ten years. What they sign is renewed by Talos. */
async function machineSecrets({ model, deployment, now }: DoctorContext): Promise<Found[]> {
  if (model?.settings.cluster.kind !== "talos") throw new NothingToCheck();
  const state = await deployment().catch(() => undefined);
  if (!state?.resources?.length) throw new NothingToCheck();
  const { certs } = asTree(parse(machineSecretsOf(state.resources)));
  return Object.entries(asTree(certs)).flatMap(([name, value]) => {
    if (!isTree(value) || typeof value.crt !== "string") return [];
    const where = `machine secrets: authority of ${authorities.get(name) ?? name}`;
    const next = "rotate it: talosctl rotate-ca, https://docs.siderolabs.com/talos/latest/security/ca-rotation";
    return [expiry(where, Buffer.from(value.crt, "base64").toString(), now, next)];
  });
}

/** The file that `npm run talos:config` writes, where it is in the project. */
async function talosconfig({ projectRoot, stack, now }: DoctorContext): Promise<Found[]> {
  const text = readIfExists(path.join(projectRoot, "talosconfig"));
  if (text === undefined) throw new NothingToCheck();
  const contexts = Object.entries(asTree(asTree(parse(text)).contexts));
  const next = `npm run talos:config -- --stack ${stack}, after removing the file`;
  return Promise.resolve(
    contexts.flatMap(([name, context]) => {
      const { crt } = asTree(context);
      const where = `talosconfig: client certificate of ${name}`;
      return typeof crt === "string" ? [expiry(where, Buffer.from(crt, "base64").toString(), now, next)] : [];
    }),
  );
}

/** The Secrets of type kubernetes.io/tls in the namespaces of gateways. */
async function gateways({ server, model, now }: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(server);
  if (!model) throw new NothingToCheck();
  const namespaces = new Set(
    [...deployedGateways(model.settings.gateways)].map(([name, gateway]) => gatewayNamespace(name, gateway)),
  );
  const found = await Promise.all(
    [...namespaces].map(async (namespace) => {
      const query = { fieldSelector: "type=kubernetes.io/tls" };
      const secrets = await api.list({ apiVersion: "v1", kind: "Secret", namespace }, query, signal);
      return secrets.map((secret) => {
        const pem = secretText(secret, "tls.crt") ?? "";
        const managed = secret.metadata.annotations?.["cert-manager.io/certificate-name"];
        const next =
          managed === undefined
            ? "store the new certificate and key where the stack file refers to, and run up: docs/gateways.md"
            : `cert-manager should have renewed it: kubectl -n ${namespace} describe certificate ${managed}`;
        return expiry(`gateways: Secret ${namespace}/${secret.metadata.name}`, pem, now, next);
      });
    }),
  );
  return found.flat();
}

/** An intermediate authority of the user's; the root's end is part of the mesh's health. */
async function pluggedAuthority({ server, now }: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(server);
  const secret = await api.get({ apiVersion: "v1", kind: "Secret", namespace: rootNamespace, name: "cacerts" }, signal);
  if (secret === undefined) throw new NothingToCheck();
  const pem = secretText(secret, "ca-cert.pem") ?? "";
  return [expiry(`Istio CA: Secret ${rootNamespace}/cacerts`, pem, now, "docs/runbook.md#istioauthorityexpiressoon")];
}

/** Which step of the replacement of a root is done, and which is next. */
async function rotation({ server }: DoctorContext, signal: AbortSignal): Promise<Found[]> {
  const api = await required(server);
  const name = "istio-ca-root-cert";
  const roots = await api.get({ apiVersion: "v1", kind: "ConfigMap", namespace: rootNamespace, name }, signal);
  if (roots === undefined) throw new NothingToCheck();
  const { read, unread } = await readTrust(api, signal);
  const state = rotationState(certificatesIn(dataOf(roots, "root-cert.pem") ?? ""), read);
  const where = "Istio roots";
  const unknown = unread.map((pod) => notKnown(`${where}: pod ${pod}`, "its certificates could not be read"));
  if (state === undefined) return unknown;
  const next = state.next === undefined ? undefined : `${state.next}: docs/runbook.md#istioauthorityexpiressoon`;
  return [next === undefined ? ok(where, state.message) : warning(where, state.message, next), ...unknown];
}
