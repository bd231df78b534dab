import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { addonSource } from "../observability/addons/registry";
import { digestOf } from "../shared/digest";
import { helmRelease } from "../shared/helm-release";
import { rootNamespace } from "../shared/istio";
import { Layer, type LayerOptions } from "../shared/layer";
import { own } from "../shared/own";
import type { IstioArgs } from "./gateways";
import { lifecycleStep } from "./lifecycle/steps";
import { issuedAuthority, istioCsrChart, istioCsrValues, rootsKey, rootsName } from "./values/istio-csr";

/** istio-csr, and the certificate that istiod needs from it when it starts. */
export class IstioCsr extends Layer {
  constructor(
    name: string,
    { stack, mesh, source, secrets, cluster }: Pick<IstioArgs, "stack" | "mesh" | "source" | "secrets" | "cluster">,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:IstioCsr", name, opts);
    const ca = issuedAuthority(mesh);
    if (!ca) throw new Error("istio-csr is for mesh.ca.kind cert-manager");
    const roots = ca.rootCertificate && { [rootsKey]: own(secrets, ca.rootCertificate.secret) ?? "" };
    const metadata = { name: rootsName, namespace: rootNamespace };
    const before: pulumi.Resource[] = [];
    if (roots) {
      const signer = own(stack.platform.certManager?.issuers ?? {}, ca.clusterIssuer ?? "")?.ca?.certificate;
      const request = { certificate: own(secrets, signer?.secret ?? ""), roots: roots[rootsKey] };
      const allowed = lifecycleStep(`${name}-check`, "authority-check", request, cluster, this.child);
      before.push(new kubernetes.core.v1.Secret(`${name}-roots`, { metadata, stringData: roots }, this.after(allowed)));
    }
    const values = istioCsrValues(ca, stack);
    const { name: chart, version } = istioCsrChart;
    const chartSource = addonSource(stack.charts.addons, source, istioCsrChart);
    const release = helmRelease(
      name,
      { chart, version, source: chartSource, namespace: rootNamespace, values },
      this.after(...before),
    );
    lifecycleStep(
      `${name}-ready`,
      "authority-ready",
      { values: digestOf({ version, values }) },
      cluster,
      this.after(release),
    );
    this.registerOutputs();
  }
}
