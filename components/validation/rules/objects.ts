import { meshKinds } from "../crds";
import { schemaProblems } from "../structural-schema";
import { listOf, suggestion } from "../../settings/suggest";
import { duplicates } from "./duplicates";
import { rule } from "./rule";

export const objectRules = [
  rule(["objects"], function* ({ objects = [] }) {
    for (const [index, { apiVersion, kind, metadata, spec }] of objects.entries()) {
      const known = meshKinds().get(`${apiVersion} ${kind}`);
      if (!known) {
        const sameKind = [...meshKinds().keys()].filter((one) => one.endsWith(` ${kind}`));
        const kinds = [...new Set([...meshKinds().keys()].map((one) => one.split(" ")[1] ?? one))].sort();
        const hint = sameKind.length > 0 ? `known: ${listOf(sameKind)}` : suggestion(kind, kinds);
        const message = `found ${apiVersion} ${kind}, which is no kind of the pinned Istio or Gateway API; ${hint}`;
        yield { path: ["objects", index, "kind"], message };
        continue;
      }
      if (known.namespaced !== (metadata.namespace !== undefined)) {
        const message = known.namespaced ? "missing; expected the object's namespace" : `${kind} has none; remove it`;
        yield { path: ["objects", index, "metadata", "namespace"], message };
      }
      yield* schemaProblems(known.spec, spec, ["objects", index, "spec"]);
    }
    yield* duplicates(
      objects.map(({ kind, metadata: { namespace, name } }, index) => ({
        path: ["objects", index],
        key: [kind, namespace, name].filter(Boolean).join(" "),
      })),
      "object",
    );
  }),
];
