import { imageNames } from "../images";
import { suggestion } from "../suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

export const imageRules = [
  rule(["images"], function* ({ images }) {
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
  }),
];
