import { issuerRef } from "../../model/certificates";
import { controlPlanes } from "../../model/control-planes";
import { hasAmbient } from "../../model/data-planes";
import { imageReference } from "../../model/images";
import { repositoryAndTag } from "../../observability/addons/addon";
import type { Settings } from "../../settings/schema";
import type { IssuedAuthoritySettings, MeshSettings } from "../../settings/sections/mesh";
import { type KubernetesRange, platformImages, platformKubernetes, versions } from "../../settings/versions";
import type { Chart } from "../../shared/chart-source";
import type { HelmValues } from "../../shared/helm-release";
import { defaultRevision, rootNamespace } from "../../shared/istio";
import { asTree } from "../../shared/merge";

/** istio-csr: proxies send it what they would send istiod, and an issuer of cert-manager signs. */
export const istioCsrChart: Chart & { readonly kubernetes: KubernetesRange } = {
  name: "cert-manager-istio-csr",
  product: "istio-csr",
  version: `v${versions.istioCsr}`,
  repository: "https://charts.jetstack.io",
  images: { istioCsr: platformImages.istioCsr },
  kubernetes: platformKubernetes.istioCsr,
};

/** The settings of a mesh whose certificates cert-manager issues. */
export function issuedAuthority({ ca }: Pick<MeshSettings, "ca">): IssuedAuthoritySettings | undefined {
  return ca?.kind === "cert-manager" ? ca : undefined;
}

/** Its Service: in Istio's namespace, because that of cert-manager may belong to another stack. */
const host = `${istioCsrChart.name}.${rootNamespace}.svc`;

/** Where proxies ask for certificates, and ztunnel for those of the pods of its node. */
export const caAddress = `${host}:443`;

/** The Certificate of istiod's own server, and the Secret with it, which istiod finds when it starts. */
export const istiodCertificate = "istiod";

/** The Secret with `rootCertificate`. */
export const rootsName = "istio-csr-roots";
export const rootsKey = "root-cert.pem";
const rootsFolder = "/var/run/secrets/istio-csr";

/** https://cert-manager.io/docs/usage/istio-csr/ and the chart's values.yaml */
export function istioCsrValues(
  ca: IssuedAuthoritySettings,
  { environment, mesh, images }: Pick<Settings, "environment" | "mesh" | "images">,
): HelmValues {
  const { rootCertificate, duration } = ca;
  const pullSecrets = images.pullSecrets.map(({ name }) => ({ name }));
  const revisions = [defaultRevision, ...controlPlanes(mesh).map(({ revision }) => revision)];
  const inProduction = environment === "production";
  return {
    image: repositoryAndTag(imageReference(images, platformImages.istioCsr)),
    ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets }),
    // While none answers, new pods have no certificate and do not become ready.
    ...(inProduction && { replicaCount: 2, podDisruptionBudget: { enabled: true } }),
    app: {
      certmanager: {
        namespace: rootNamespace,
        issuer: issuerRef(ca),
      },
      tls: {
        trustDomain: mesh.trustDomain,
        ...(rootCertificate && { rootCAFile: `${rootsFolder}/${rootsKey}` }),
        certificateDNSNames: [host],
        istiodCertificateEnable: true,
      },
      server: {
        // Of a request with another cluster it refuses the token.
        clusterID: clusterId(mesh),
        maxCertificateDuration: duration,
        ...(hasAmbient(mesh) && { caTrustedNodeAccounts: `${rootNamespace}/ztunnel` }),
      },
      // The common name of istiod's certificate is that of the control plane without a revision.
      istio: { revisions: [...new Set(revisions)], namespace: rootNamespace },
      controller: { leaderElectionNamespace: rootNamespace },
    },
    ...(rootCertificate && {
      volumes: [{ name: "roots", secret: { secretName: rootsName } }],
      volumeMounts: [{ name: "roots", mountPath: rootsFolder, readOnly: true }],
    }),
  };
}

/** As istiod's chart has it. */
function clusterId({ values }: MeshSettings): string {
  const { clusterName } = asTree(asTree(asTree(values.istiod).global).multiCluster);
  return typeof clusterName === "string" && clusterName !== "" ? clusterName : "Kubernetes";
}
