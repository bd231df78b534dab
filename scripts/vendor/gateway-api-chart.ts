import path from "node:path";
import { readFileSync } from "node:fs";

/**
 * The chart around the CRDs of one version of the Gateway API. Each version has a chart of its own: Helm keeps a release's
 * whole chart in one Secret, which has no room for several.
 */
export function gatewayApiChart(version: string): [file: string, content: string][] {
  const folder = `components/platform/charts/${version}/gateway-api`;
  const description = [
    "apiVersion: v2",
    "name: gateway-api",
    "description: The CRDs of the Kubernetes Gateway API, standard channel, as files/crds has them from sigs.k8s.io/gateway-api.",
    "type: application",
    `version: ${version}`,
    `appVersion: v${version}`,
  ];
  const template = readFileSync(path.join(__dirname, "gateway-api-chart/crds.tpl"), "utf8");
  return [
    [`${folder}/Chart.yaml`, `${description.join("\n")}\n`],
    [`${folder}/templates/crds.yaml`, template],
  ];
}
