import type { Settings } from "../settings/schema";
import { entryReaders, readEntries, withField } from "../shared/unknown";
import type { Workload } from "../shared/workload";

/** Services of Bookinfo that rules may name, with their versions. Source: istio/istio, samples/bookinfo. */
export const bookinfoVersions: Readonly<Record<string, readonly string[]>> = {
  details: ["v1"],
  ratings: ["v1"],
  reviews: ["v1", "v2", "v3"],
  productpage: ["v1"],
};

/** The port every service of Bookinfo listens on. */
export const bookinfoPort = 9080;

/** The identity of a service of Bookinfo: each has its own, so that rules can tell who asks. */
export function bookinfoAccount(service: string): string {
  return `bookinfo-${service}`;
}

/** Bookinfo in the words of policies. */
export function bookinfoWorkloads({ namespace }: { readonly namespace: string }): Workload[] {
  return Object.entries(bookinfoVersions).map(([name, versions]) => ({
    name,
    namespace,
    serviceAccount: bookinfoAccount(name),
    port: bookinfoPort,
    versions,
    versionServices: true,
  }));
}

/** Every workload of the settings, in their order: those of Bookinfo, and those that others deploy. */
export function settingsWorkloads(settings: Pick<Settings, "bookinfo" | "applications">): Workload[] {
  return readEntries([
    ...entryReaders(() => settings.bookinfo && bookinfoWorkloads(settings.bookinfo)),
    ...entryReaders(() => settings.applications).flatMap((application) =>
      entryReaders(() => application().workloads).map(
        (workload) => () => withField(workload(), "namespace", () => application().namespace),
      ),
    ),
  ]);
}
