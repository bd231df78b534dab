import { duplicates } from "./duplicates";
import { namespaceProblems } from "./namespaces";
import { rule } from "./rule";

export const appRules = [
  rule(["bookinfo", "applications"], function* ({ bookinfo, applications = [] }) {
    if (bookinfo) yield* namespaceProblems(["bookinfo", "namespace"], bookinfo.namespace, "program");
    const path = ["applications"];
    yield* duplicates(
      applications.map(({ namespace }, index) => ({ path: [...path, index, "namespace"], key: namespace })),
      "namespace",
    );
    for (const [index, { namespace, workloads }] of applications.entries()) {
      yield* namespaceProblems([...path, index, "namespace"], namespace, "others");
      if (namespace === bookinfo?.namespace) {
        yield {
          path: [...path, index, "namespace"],
          message: `found ${namespace}, the namespace of Bookinfo; expected another`,
        };
      }
      yield* duplicates(
        workloads.map(({ name }, position) => ({ path: [...path, index, "workloads", position, "name"], key: name })),
        "workload",
      );
    }
  }),
];
