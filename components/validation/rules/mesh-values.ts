import { places } from "../../settings/places";
import { rule } from "./rule";

/**
 * Values of Istio's charts that a setting decides, and what else of this program counts on: names of releases and of
 * webhooks, the check of versions, the callers that policies name. `pilot` and `cni` are where charts look first.
 */
const decided = (revision: string): readonly (readonly [value: string, setting: string])[] => [
  ["profile", "mesh.profile"],
  ["compatibilityVersion", "mesh.compatibilityVersion"],
  ["revision", revision],
  ["pilot.revision", revision],
  ["cni.revision", revision],
  ["revisionTags", "mesh.tags"],
  ["pilot.revisionTags", "mesh.tags"],
  ["defaultRevision", revision],
  ["meshConfig.trustDomain", "mesh.trustDomain"],
  ["meshConfig.outboundTrafficPolicy", "mesh.outboundTrafficPolicy"],
];

/** Where values for a chart stand, and what names the revision there. */
const given = [
  { at: "mesh.values.*", revision: "mesh.revision" },
  { at: "mesh.canary.values", revision: "mesh.canary.revision" },
];

/** Values that would say another thing than the setting they belong to. */
export const meshValueRules = [
  rule(["mesh"], function* ({ mesh }) {
    for (const { at, revision } of given) {
      for (const [value, setting] of decided(revision)) {
        for (const [path, found] of places({ mesh }, `${at}.${value}`.split("."))) {
          if (found === undefined) continue;
          yield { path, message: `talos-mesh:${setting} decides this; set it there and remove it here` };
        }
      }
    }
  }),
];
