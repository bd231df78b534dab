import { issuedAuthority } from "../mesh/values/istio-csr";
import { certificatesIn } from "../model/certificates";
import { clusterIssuers } from "../model/layers";
import type { Model } from "../model/model";
import type { IssuedAuthoritySettings } from "../settings/sections/mesh";
import { expandPath } from "../settings/schema-walk";
import { own } from "../shared/own";
import { type Problem, problemsOf, type Refusal } from "../shared/problem";
import { authorityProblems, tooShort, unknownIssuer } from "./cert-manager";
import { unreadable } from "./certificates";
import type { Check, CheckContext } from "./check";

/** What signs the certificates of the mesh: an authority that is plugged into istiod, or an issuer of cert-manager. */
export const meshAuthorityChecks: readonly Check[] = [
  pluggedAuthority,
  (model, context) => {
    const ca = issuedAuthority(model.settings.mesh);
    return ca ? problemsOf(issuerRefusal(ca, model, context), at) : [];
  },
  decidedValues,
];

const at = ["mesh", "ca"];

function* pluggedAuthority({ settings: { mesh } }: Model, { secretTexts }: CheckContext): Iterable<Problem> {
  if (mesh.ca?.kind !== "plugged") return;
  const { certificate, rootCertificate, certificateChain } = mesh.ca;
  const found = authorityProblems(mesh.ca, secretTexts, at);
  yield* found;
  if (found.length > 0) return;
  const unsigned =
    !certificateChain && "no root that signed certificate, which no workload would trust; add it, or certificateChain";
  yield* problemsOf(
    {
      rootCertificate: rootRefusal(rootCertificate.secret, certificate.secret, unsigned, secretTexts),
      certificateChain: certificateChain && chainRefusal(certificateChain.secret, certificate.secret, secretTexts),
    },
    at,
  );
}

/** istiod adds the chain, and nothing else, to each certificate that it signs. */
function chainRefusal(
  chainSecret: string,
  certificateSecret: string,
  secretTexts: ReadonlyMap<string, string>,
): Refusal {
  const [chain, certificate] = [chainSecret, certificateSecret].map((secret) => secretTexts.get(secret));
  if (chain === undefined || certificate === undefined) return undefined;
  const [[first], [signer]] = [certificatesIn(chain), certificatesIn(certificate)];
  const name = `secret ${chainSecret}`;
  if (!first) return `${name} ${unreadable()}`;
  if (first.fingerprint256 === signer?.fingerprint256) return undefined;
  return `${name} does not begin with the certificate of secret ${certificateSecret}, without which no workload would trust another; put it first`;
}

function issuerRefusal(
  { clusterIssuer, rootCertificate, duration }: IssuedAuthoritySettings,
  { settings, cluster }: Model,
  { secretTexts }: CheckContext,
): Refusal {
  const { certManager } = settings.platform;
  if (cluster.simulatedNodes)
    return { kind: "found cert-manager, which does not run on simulated nodes; remove mesh.ca" };
  const known = clusterIssuers(settings);
  const issuer = clusterIssuer === undefined ? undefined : own(certManager?.issuers ?? {}, clusterIssuer);
  const signer = issuer?.ca?.certificate.secret;
  const unsigned = `no root that signed the certificate of issuer ${clusterIssuer}, whose certificates no workload would trust; add it`;
  return [
    cluster.created &&
      !certManager && {
        kind: `found cert-manager, which nothing installs on a cluster of kind ${settings.cluster.kind}; set talos-mesh:platform.certManager`,
      },
    {
      clusterIssuer: clusterIssuer !== undefined && known && clusterIssuerRefusal(clusterIssuer, known, settings),
      duration: tooShort(duration),
      rootCertificate:
        rootCertificate && signer !== undefined && rootRefusal(rootCertificate.secret, signer, unsigned, secretTexts),
    },
  ];
}

type Issuers = NonNullable<ReturnType<typeof clusterIssuers>>;

function clusterIssuerRefusal(name: string, issuers: Issuers, settings: Model["settings"]): Refusal {
  const kind = own(issuers, name);
  if (kind === "http01" || kind === "dns01")
    return `found ${name}, an issuer of kind acme, which signs for names of DNS only, not for identities of workloads; use one with ca or selfSignedCA`;
  const authority = name.replace(/-root$/, "");
  const { certManager } = settings.platform;
  if (kind === undefined && authority !== name && own(certManager?.issuers ?? {}, authority)?.selfSignedCA)
    return `found ${name}, with which each certificate is its own root, so that no workload would trust another; use ${authority}`;
  return unknownIssuer(name, Object.keys(issuers), settings);
}

/** @param unsigned what is missing where none of the roots signed the certificate; false where others are in between */
function rootRefusal(
  rootSecret: string,
  certificateSecret: string,
  unsigned: string | false,
  secretTexts: ReadonlyMap<string, string>,
): Refusal {
  const [text, roots] = [certificateSecret, rootSecret].map((secret) => secretTexts.get(secret));
  if (roots === undefined) return undefined;
  const parsed = certificatesIn(roots);
  const name = `secret ${rootSecret}`;
  if (parsed.length === 0) return `${name} ${unreadable()}`;
  const [issued, ...chain] = certificatesIn(text ?? "");
  const isSigned = !issued || chain.length > 0 || parsed.some(({ publicKey }) => issued.verify(publicKey));
  return !isSigned && unsigned && `${name} has ${unsigned}`;
}

/** Values by which proxies and istiod find what signs. */
const values = [
  "mesh.values.istiod.global.caAddress",
  "mesh.values.istiod.env.ENABLE_CA_SERVER",
  "mesh.values.istiod.pilot.env.ENABLE_CA_SERVER",
  "mesh.canary.values.global.caAddress",
  "mesh.canary.values.env.ENABLE_CA_SERVER",
  "mesh.canary.values.pilot.env.ENABLE_CA_SERVER",
  "mesh.values.ztunnel.caAddress",
];

function decidedValues({ settings }: Model): Iterable<Problem> {
  if (!issuedAuthority(settings.mesh)) return [];
  const message = "talos-mesh:mesh.ca of kind cert-manager decides this; remove it here";
  return values.flatMap((value) => [...expandPath(settings, value)].map(([path]) => ({ path, message })));
}
