import { imageNames } from "../../model/images";
import { suggestion } from "../../settings/suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

/** As Kubernetes wants the text of a pull secret; what is in it is the registry's business. */
function isDockerConfig(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "auths" in parsed;
  } catch {
    return false;
  }
}

export const imageRules = [
  rule(["images"], function* ({ images }, { secretTexts }) {
    for (const name of Object.keys(images.digests)) {
      if (imageNames.includes(name)) continue;
      yield {
        path: ["images", "digests", name],
        message: `found ${name}; no image of this name is pulled; ${suggestion(name, imageNames)}`,
      };
    }
    yield* duplicates(
      images.pullSecrets.map(({ name }, index) => ({ path: ["images", "pullSecrets", index, "name"], key: name })),
      "pull secret",
    );
    for (const [index, { dockerConfigJson }] of images.pullSecrets.entries()) {
      const text = secretTexts.get(dockerConfigJson.secret);
      if (text === undefined || isDockerConfig(text)) continue;
      yield {
        path: ["images", "pullSecrets", index, "dockerConfigJson"],
        message: `secret ${dockerConfigJson.secret} is no Docker configuration; expected JSON such as {"auths": {"registry.example.com": {"auth": "..."}}}`,
      };
    }
  }),
];
