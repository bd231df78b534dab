import { applicationWorkloads } from "../apps/application";
import { type ApplicationName, configuredApplications } from "../apps/registry";
import type { Settings } from "../settings/schema";
import { entryReaders, readEntries, withField } from "../shared/unknown";
import type { Workload } from "../shared/workload";

/** Every workload of the settings, in their order: of deployed applications, and of `talos-mesh:applications`. */
export function settingsWorkloads(settings: Pick<Settings, ApplicationName | "applications">): Workload[] {
  return readEntries([
    ...entryReaders(() => configuredApplications(settings)).flatMap((configured) =>
      entryReaders(() => applicationWorkloads(configured())),
    ),
    ...entryReaders(() => settings.applications).flatMap((application) =>
      entryReaders(() => application().workloads).map(
        (workload) => () => withField(workload(), "namespace", () => application().namespace),
      ),
    ),
  ]);
}
