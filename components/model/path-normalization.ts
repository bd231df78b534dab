import type { Settings } from "../settings/schema";
import { type PathNormalization, pathNormalizations } from "../settings/sections/mesh";
import { expandPath } from "../settings/schema-walk";
import type { SettingPath } from "../shared/problem";

type Slice = Pick<Settings, "mesh" | "security" | "objects">;

/** `DEFAULT` is Istio's other name for BASE. */
const inMeshConfig = "meshConfig.pathNormalization.normalization";

/** Where the settings set it, Istio's own mesh config last, as Helm merges it over ours. */
export function givenNormalizations(settings: Pick<Settings, "mesh">): [SettingPath, unknown][] {
  return ["mesh.pathNormalization", `mesh.values.istiod.${inMeshConfig}`, `mesh.canary.values.${inMeshConfig}`].flatMap(
    (path) => [...expandPath(settings, path)],
  );
}

/**
 * The form in which every Envoy of the mesh (sidecars, waypoints, gateways) reads and forwards paths. Istio's default is
 * BASE, with which `//admin` is not `/admin`, while most servers answer both alike; so where rules name paths, it is
 * MERGE_SLASHES.
 *
 * https://istio.io/latest/docs/ops/best-practices/security/#guideline-on-configuring-the-path-normalization-option
 */
export function pathNormalization(settings: Slice): PathNormalization {
  const given = givenNormalizations({ mesh: { ...settings.mesh, canary: undefined } }).at(-1)?.[1];
  const byDefault = pathRules(settings).next().done ? "BASE" : "MERGE_SLASHES";
  return pathNormalizations.find((one) => one === given) ?? (given === undefined ? byDefault : "BASE");
}

/** Rules by path. `failsOpen`: a request whose path is written in another form is let through. */
export function* pathRules({ security, objects }: Omit<Slice, "mesh">): Generator<{
  readonly path: SettingPath;
  readonly failsOpen: boolean;
}> {
  const fields = (list: string) => [...expandPath({ security, objects }, list)].map(([path]) => path);
  for (const list of ["authorization.allow", "authorization.deny", "authorization.audit", "authorization.external"]) {
    for (const field of ["paths", "notPaths"]) {
      const failsOpen = !list.endsWith("allow") || field === "notPaths";
      for (const path of fields(`security.${list}.*.${field}`)) yield { path, failsOpen };
    }
  }
  for (const field of ["paths", "notPaths"]) {
    // A path in another form than that of an exception needs a token.
    for (const path of fields(`security.jwt.*.${field}`)) yield { path, failsOpen: field === "paths" };
  }
  for (const field of ["paths", "notPaths"]) {
    for (const path of fields(`objects.*.spec.rules.*.to.*.operation.${field}`)) {
      const [, index] = path;
      const { kind, spec } = objects?.[Number(index)] ?? {};
      const allows = (spec?.action ?? "ALLOW") === "ALLOW";
      if (kind === "AuthorizationPolicy") yield { path, failsOpen: !allows || field === "notPaths" };
    }
  }
}

/** A path without its query, as Envoy makes it of a request's. */
export function normalizedPath(path: string, form: PathNormalization): string {
  if (form === "NONE") return path;
  const decoded = form === "DECODE_AND_MERGE_SLASHES" ? path.replace(/%2f/gi, "/").replace(/%5c/gi, "\\") : path;
  // Resolves `.` and `..` and turns backslashes, as Envoy does; after a host, because `//` may begin the path.
  const { pathname } = new URL(`http://host${decoded}`);
  const unreserved = pathname.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[-A-Za-z0-9._~]/.test(character) ? character : escape;
  });
  return form === "BASE" ? unreserved : unreserved.replace(/\/{2,}/g, "/");
}
