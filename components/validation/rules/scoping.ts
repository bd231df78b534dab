import { rule } from "./rule";

export const scopingRules = [
  rule(["mesh", "security"], function* ({ mesh, security: { authorization } }) {
    if (!mesh.sidecarScoping) return;
    const path = ["mesh", "sidecarScoping"];
    const closed =
      authorization && [authorization.default, ...Object.values(authorization.namespaces)].includes("deny");
    if (!closed) {
      yield {
        path,
        message:
          "found true; without talos-mesh:security.authorization.default: deny nothing says who asks whom; set it, or remove this",
      };
    } else if (authorization.dryRun) {
      yield {
        path,
        message:
          "found true; the rules of security.authorization are a dry run, and proxies that know by them only whom to ask would enforce them; remove one of the two",
      };
    }
  }),
];
