import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";

interface ChartFiles {
  readonly values: object;
  /** By the name in `files/profile-NAME.yaml`. */
  readonly profiles?: Readonly<Record<string, object>>;
  readonly templates?: string;
}

/** A folder of charts in the form of Istio's; call the second of the pair to remove it. */
export function chartFolder(charts: Readonly<Record<string, ChartFiles>>): [folder: string, remove: () => void] {
  const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-charts-"));
  for (const [name, { values, profiles = {}, templates = "" }] of Object.entries(charts)) {
    const write = (file: string, text: string) => {
      const target = path.join(folder, name, file);
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(target, text);
    };
    write("Chart.yaml", stringify({ name, version: "1.31.1" }));
    write("values.yaml", stringify({ _internal_defaults_do_not_set: values }));
    write("templates/all.yaml", templates);
    for (const [profile, content] of Object.entries(profiles)) {
      write(`files/profile-${profile}.yaml`, stringify(content));
    }
  }
  return [folder, () => rmSync(folder, { recursive: true })];
}
