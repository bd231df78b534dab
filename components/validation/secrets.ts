import { clusterKinds } from "../cluster/kinds";
import { imageNames } from "../model/images";
import type { Model } from "../model/model";
import { expandPath } from "../settings/expand-path";
import { suggestion } from "../settings/wording";
import { duplicates, type Problem } from "../shared/problem";
import { checkEach } from "../shared/unknown";
import type { Check, CheckContext } from "./check";

/** Checks of references to secrets, and of `talos-mesh:images`. */
export const secretChecks: readonly Check[] = [references, pullSecretTexts, uniquePullSecrets, digestNames];

/** Every setting that names an entry of `talos-mesh:secrets`. */
const referencePaths = [
  ...Object.values(clusterKinds).flatMap(({ secretPaths = [] }) => secretPaths),
  "images.pullSecrets.*.dockerConfigJson.secret",
  "gateways.*.tls.certificate.secret",
  "gateways.*.tls.privateKey.secret",
  "gateways.*.tls.caCertificate.secret",
  "observability.*.*.secret",
];

function* references({ settings }: Model, { secretNames }: CheckContext): Iterable<Problem> {
  for (const [path, name] of referencePaths.flatMap((one) => [...expandPath(settings, one)])) {
    if (typeof name !== "string" || secretNames.has(name)) continue;
    const hint = secretNames.size > 0 ? suggestion(name, [...secretNames]) : "there are none";
    yield {
      path,
      message:
        `found ${name}, which talos-mesh:secrets does not have; ${hint}; ` +
        `store it with \`pulumi config set --secret --path 'talos-mesh:secrets.${name}'\``,
    };
  }
}

function pullSecretTexts({ settings: { images } }: Model, { secretTexts }: CheckContext): Iterable<Problem> {
  return checkEach(images.pullSecrets, ["images", "pullSecrets"], ({ dockerConfigJson: { secret } }, path) => {
    const text = secretTexts.get(secret);
    if (text === undefined || isDockerConfig(text)) return [];
    const example = '{"auths": {"registry.example.com": {"auth": "..."}}}';
    const message = `secret ${secret} is no Docker configuration; expected JSON such as ${example}`;
    return [{ path: [...path, "dockerConfigJson"], message }];
  });
}

/** As Kubernetes checks the text of a pull secret. */
function isDockerConfig(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "auths" in parsed;
  } catch {
    return false;
  }
}

function* uniquePullSecrets({ settings: { images } }: Model): Iterable<Problem> {
  yield* duplicates(
    checkEach(images.pullSecrets, ["images", "pullSecrets"], ({ name }, path) => [
      { path: [...path, "name"], key: name },
    ]),
    "pull secret",
  );
}

function* digestNames({ settings: { images } }: Model): Iterable<Problem> {
  for (const name of Object.keys(images.digests)) {
    if (imageNames.includes(name)) continue;
    yield {
      path: ["images", "digests", name],
      message: `found ${name}; no image of this name is pulled; ${suggestion(name, imageNames)}`,
    };
  }
}
