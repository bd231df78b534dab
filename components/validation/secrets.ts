import { clusterKinds } from "../cluster/kinds";
import { imageNames } from "../model/images";
import type { Model } from "../model/model";
import { expandPath, jsonMapping } from "../settings/schema-walk";
import { certificateFields } from "../settings/sections/traffic-policy";
import { suggestion } from "../settings/wording";
import type { Problem } from "../shared/problem";
import { type Check, type CheckContext, problemsOfEach, rule, unique } from "./check";

export const secretChecks: readonly Check[] = [
  references,
  ({ settings: { images } }, { secretTexts }) =>
    problemsOfEach(images.pullSecrets, ["images", "pullSecrets"], ({ dockerConfigJson: { secret } }) => {
      const text = secretTexts.get(secret);
      // As Kubernetes checks it.
      if (text === undefined || Object.hasOwn(jsonMapping(text) ?? {}, "auths")) return undefined;
      const example = '{"auths": {"registry.example.com": {"auth": "..."}}}';
      return { dockerConfigJson: `secret ${secret} is no Docker configuration; expected JSON such as ${example}` };
    }),
  unique("images.pullSecrets.*.name", "pull secret"),
  rule("images.digests", (digests) => {
    const unknown = Object.keys(digests).filter((name) => !imageNames.includes(name));
    return Object.fromEntries(
      unknown.map((name) => [name, `found ${name}; no image of this name is pulled; ${suggestion(name, imageNames)}`]),
    );
  }),
];

const referencePaths = [
  ...Object.values(clusterKinds).flatMap(({ secretPaths = [] }) => secretPaths),
  "images.pullSecrets.*.dockerConfigJson.secret",
  ...["tls", "tls.servers.*"].flatMap((server) =>
    ["certificate", "privateKey", "caCertificate", "caCrl"].map((field) => `gateways.*.${server}.${field}.secret`),
  ),
  ...["trafficPolicy", "subsets.*.trafficPolicy"].flatMap((policy) =>
    [policy, `${policy}.portLevelSettings.*`].flatMap((level) =>
      certificateFields.map((field) => `traffic.externalServices.*.${level}.tls.${field}.secret`),
    ),
  ),
  "observability.*.*.secret",
  "mesh.ca.*.secret",
  "platform.loadBalancer.bgp.peers.*.password.secret",
  "platform.certManager.issuers.*.ca.*.secret",
  "platform.certManager.issuers.*.acme.dns01.*.*.secret",
  "verification.tokens.*.signingKey.secret",
];

function* references({ settings }: Model, { secretNames }: CheckContext): Iterable<Problem> {
  for (const [path, name] of referencePaths.flatMap((one) => [...expandPath(settings, one)])) {
    if (typeof name !== "string" || secretNames.has(name)) continue;
    const hint = secretNames.size > 0 ? suggestion(name, [...secretNames]) : "there are none";
    // The name may be the secret itself.
    const message =
      `found a name that talos-mesh:secrets does not have; ${hint}; ` +
      "store the secret with `pulumi config set --secret --path 'talos-mesh:secrets.NAME'`";
    yield { path, message };
  }
}
