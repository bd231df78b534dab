import { repositoryAndTag } from "../../observability/addons/addon";
import type { Settings } from "../../settings/schema";
import type { ClusterIssuerSettings } from "../../settings/sections/cert-manager";
import { platformImages, platformKubernetes, versions } from "../../settings/versions";
import type { ApplyObject } from "../../shared/kubernetes/object";
import { defineProduct, type ProductSecret } from "./product";

const chart = {
  name: "cert-manager",
  product: "cert-manager",
  version: `v${versions.certManager}`,
  repository: "https://charts.jetstack.io",
  images: {
    controller: platformImages.certManagerController,
    webhook: platformImages.certManagerWebhook,
    cainjector: platformImages.certManagerCainjector,
    acmesolver: platformImages.certManagerAcmesolver,
    startupapicheck: platformImages.certManagerStartupapicheck,
  },
  kubernetes: platformKubernetes.certManager,
} as const;

/** ClusterIssuers read their Secrets here. */
const namespace = "cert-manager";

/** Its release waits until the webhook answers, so that issuers can be created after it. */
export const certManager = defineProduct({
  component: "CertManager",
  path: ["platform", "certManager"],
  chart,
  namespace,
  podSecurity: "baseline",
  given: ({ platform }) => platform.certManager,
  values: ({ issuers }, { image, imagePullSecrets }) => {
    const { controller, webhook, cainjector, acmesolver, startupapicheck } = chart.images;
    const imageOf = (official: string) => ({ image: repositoryAndTag(image(official)) });
    const throughGateways = Object.values(issuers).some(({ acme }) => acme?.http01);
    return {
      // In kube-system, the chart's default, its Leases would outlive it.
      global: { leaderElection: { namespace }, ...(imagePullSecrets && { imagePullSecrets }) },
      // Kept when the release goes, and with them the certificates.
      crds: { enabled: true, keep: true },
      ...imageOf(controller),
      webhook: imageOf(webhook),
      cainjector: imageOf(cainjector),
      acmesolver: imageOf(acmesolver),
      startupapicheck: imageOf(startupapicheck),
      ...(throughGateways && {
        config: {
          apiVersion: "controller.config.cert-manager.io/v1alpha1",
          kind: "ControllerConfiguration",
          gatewayAPI: { enabled: true },
        },
      }),
    };
  },
  secrets: ({ issuers }) =>
    Object.entries(issuers).flatMap(([name, { ca, acme }]): ProductSecret[] => {
      if (ca) {
        const entries = { "tls.crt": ca.certificate.secret, "tls.key": ca.privateKey.secret };
        return [{ name: authorityName(name), namespace, type: "kubernetes.io/tls", entries }];
      }
      const account = acme?.dns01 && dnsAccount(acme.dns01);
      return account?.entry === undefined
        ? []
        : [{ name: accountName(name), namespace, type: "Opaque", entries: { [accountKey]: account.entry } }];
    }),
  objects: ({ issuers }, settings) =>
    Object.entries(issuers).flatMap(([name, issuer]) => issuerObjects(name, issuer, settings)),
});

function issuerObjects(name: string, { acme, selfSignedCA }: ClusterIssuerSettings, settings: Settings): ApplyObject[] {
  const secretName = authorityName(name);
  if (acme) {
    const { server, email, caBundle, http01 } = acme;
    const privateKeySecretRef = { name: `${name}-account` };
    const solver = http01 ? { http01: { gatewayHTTPRoute: podsOf(settings) } } : { dns01: dnsSolver(name, acme.dns01) };
    return [
      clusterIssuer(name, {
        acme: {
          server,
          ...(email !== undefined && { email }),
          ...(caBundle !== undefined && { caBundle: Buffer.from(caBundle).toString("base64") }),
          privateKeySecretRef,
          solvers: [solver],
        },
      }),
    ];
  }
  if (!selfSignedCA) return [clusterIssuer(name, { ca: { secretName } })];
  const root = `${name}-root`;
  return [
    clusterIssuer(root, { selfSigned: {} }),
    {
      apiVersion: "cert-manager.io/v1",
      kind: "Certificate",
      metadata: { name: secretName, namespace },
      spec: {
        isCA: true,
        ...selfSignedCA,
        secretName,
        // With another key, every client that trusts the authority would need the new certificate at once.
        privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Never" },
        issuerRef: { name: root, kind: "ClusterIssuer", group: "cert-manager.io" },
      },
    },
    clusterIssuer(name, { ca: { secretName } }),
  ];
}

function clusterIssuer(name: string, spec: object): ApplyObject {
  return { apiVersion: "cert-manager.io/v1", kind: "ClusterIssuer", metadata: { name }, spec };
}

/** Pods that answer challenges, in the namespaces of gateways; each Certificate names its gateway. */
function podsOf({ images }: Settings) {
  const imagePullSecrets = images.pullSecrets.map(({ name }) => ({ name }));
  return imagePullSecrets.length > 0 ? { podTemplate: { spec: { imagePullSecrets } } } : {};
}

type Dns01 = NonNullable<NonNullable<ClusterIssuerSettings["acme"]>["dns01"]>;

/** Of each provider, the setting with its secret, and cert-manager's field that refers to it. */
const secretFields = {
  cloudflare: ["apiToken", "apiTokenSecretRef"],
  route53: ["secretAccessKey", "secretAccessKeySecretRef"],
  cloudDNS: ["serviceAccount", "serviceAccountSecretRef"],
  digitalocean: ["token", "tokenSecretRef"],
  rfc2136: ["tsigSecret", "tsigSecretSecretRef"],
} as const satisfies Readonly<Record<keyof Dns01, readonly [setting: string, field: string]>>;

const accountKey = "secret";

/** The provider, its fields without the secret, and the entry of `talos-mesh:secrets` with it. */
function dnsAccount(dns01: Dns01) {
  const [provider] = (Object.keys(secretFields) as (keyof Dns01)[]).filter((name) => dns01[name] !== undefined);
  if (provider === undefined) return undefined;
  const [setting, field] = secretFields[provider];
  const { [setting]: reference, ...fields } = dns01[provider] as Readonly<Record<string, unknown>>;
  return { provider, fields, field, entry: (reference as { readonly secret: string } | undefined)?.secret };
}

function dnsSolver(issuer: string, dns01: Dns01 | undefined): object {
  const account = dns01 && dnsAccount(dns01);
  if (!account) return {};
  const { provider, fields, field, entry } = account;
  const reference = { name: accountName(issuer), key: accountKey };
  return { [provider]: { ...fields, ...(entry !== undefined && { [field]: reference }) } };
}

/** The Secret with the certificate and the key of an authority. */
function authorityName(issuer: string): string {
  return `${issuer}-ca`;
}

/** The Secret of an account of a DNS provider. */
function accountName(issuer: string): string {
  return `${issuer}-dns`;
}
