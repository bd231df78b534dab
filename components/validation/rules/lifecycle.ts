import { controlPlaneNamed, controlPlanes, defaultRevision } from "../../model/control-planes";
import type { Problem } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import type { MeshSettings } from "../../settings/sections/mesh";
import { rule } from "./rule";
import { compareMinor, minorOf } from "../../settings/versions";

/** `1.32` for a way from 1.31 to 1.33, or back. */
function nextMinor(from: string, to: string): string {
  const [major, minor] = minorOf(from).split(".").map(Number);
  return `${major}.${Number(minor) + Math.sign(compareMinor(minorOf(to), minorOf(from)))}`;
}

/** How many minor versions apart two versions are. */
function minorsApart(a: string, b: string): number {
  return Math.abs(compareMinor(minorOf(a), minorOf(b)));
}

function* revisionProblems({ version, revision, canary }: MeshSettings): Iterable<Problem> {
  const reserved = `found ${defaultRevision}, which is Istio's name for the control plane without a revision`;
  if (revision === defaultRevision) {
    yield { path: ["mesh", "revision"], message: `${reserved}; leave it out, or name it by its version, as 1-31-1` };
  }
  if (!canary) return;
  const path = ["mesh", "canary"];
  if (canary.revision === defaultRevision) {
    yield { path: [...path, "revision"], message: `${reserved}; name it by its version, as 1-31-1` };
  }
  if (canary.revision === revision) {
    yield {
      path: [...path, "revision"],
      message: `found ${revision}, the revision of the control plane beside it; expected another`,
    };
  }
  if (minorsApart(version, canary.version) > 1) {
    yield {
      path: [...path, "version"],
      message: `found ${canary.version} beside ${version}; an upgrade goes one minor version at a time; expected ${minorOf(version)} or ${nextMinor(version, canary.version)}`,
    };
  }
}

/** Names of control planes, each once. */
function revisionsOf(mesh: MeshSettings): string[] {
  return [...new Set(controlPlanes(mesh).map(({ revision }) => revision))];
}

function* tagProblems(mesh: MeshSettings): Iterable<Problem> {
  const revisions = revisionsOf(mesh);
  for (const [tag, revision] of Object.entries(mesh.tags)) {
    const path = ["mesh", "tags", tag];
    if (revisions.includes(tag)) {
      const whose = tag === defaultRevision ? "the control plane without a revision" : "a revision";
      yield {
        path,
        message: `found a tag with the name of ${whose}; one name cannot stand for both; expected another name`,
      };
    }
    if (!revisions.includes(revision)) {
      yield {
        path,
        message: `found ${revision}, and there is no such revision; expected one of: ${revisions.join(", ")}`,
      };
    }
  }
}

type Namespaces = Pick<Settings, "mesh" | "gateways" | "bookinfo">;

/** Namespaces with proxies that this program makes, and so can label. */
function* own({ gateways, bookinfo }: Namespaces): Iterable<string> {
  if (bookinfo) yield bookinfo.namespace;
  for (const [name, gateway] of Object.entries(gateways)) {
    if (gateway) yield gateway.namespace ?? `istio-${name}`;
  }
}

function* namespaceProblems(settings: Namespaces): Iterable<Problem> {
  const { mesh } = settings;
  const known = [...new Set([...Object.keys(mesh.tags), ...revisionsOf(mesh)])];
  const made = [...new Set(own(settings))].sort();
  for (const [namespace, { revision, dataPlane }] of Object.entries(mesh.namespaces)) {
    if (revision === undefined) continue;
    const path = ["mesh", "namespaces", namespace, "revision"];
    if (!known.includes(revision)) {
      yield { path, message: `found ${revision}; expected a tag or a revision, one of: ${known.join(", ")}` };
    } else if (!controlPlaneNamed(mesh, revision)) {
      // The tag's own problem says what is missing.
      continue;
    }
    if (!made.includes(namespace)) {
      const which = made.length > 0 ? `one of: ${made.join(", ")}` : "none, as there is none";
      yield {
        path,
        message: `this program does not make the namespace ${namespace} and cannot label it; expected ${which}; whoever makes it sets the label istio.io/rev: ${revision}`,
      };
    }
    if (dataPlane === "none") {
      yield {
        path,
        message: `found ${revision}; a namespace with dataPlane none has no proxies; remove one of the two`,
      };
    }
  }
}

export const lifecycleRules = [
  rule(["mesh"], ({ mesh }) => revisionProblems(mesh)),
  rule(["mesh"], ({ mesh }) => tagProblems(mesh)),
  rule(["mesh", "gateways", "bookinfo"], (settings) => namespaceProblems(settings)),
  rule(["bookinfo", "cluster"], function* ({ bookinfo, cluster }) {
    if (bookinfo?.injection !== "static" || cluster.kind !== "embedded") return;
    yield {
      path: ["bookinfo", "injection"],
      message:
        "found static; on a cluster of kind embedded no injector answers that could write the sidecar out; expected one of: namespace, pod, none",
    };
  }),
];
