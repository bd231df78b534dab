import { rule } from "./rule";

export const objectRules = [
  rule(["objects"], function* ({ objects = [] }) {
    for (const [index, object] of objects.entries()) {
      const metadata = object.metadata;
      const named = typeof metadata === "object" && metadata !== null && "name" in metadata && !!metadata.name;
      const missing = [
        ...["apiVersion", "kind"].filter((key) => typeof object[key] !== "string"),
        ...(named ? [] : ["metadata.name"]),
      ];
      if (missing.length > 0) yield { path: ["objects", index], message: `missing ${missing.join(", ")}` };
    }
  }),
];
