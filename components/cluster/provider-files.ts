import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { readIfExists } from "../shared/files";

/**
 * The Kubernetes provider writes its kubeconfig, client keys included, to a file in TMPDIR, does not use it, and leaves it
 * there. They are removed when the program ends; one of a `pulumi destroy`, which runs no program, by the next run.
 * Source: pulumi/pulumi-kubernetes, provider/pkg/provider/provider.go, writeKubeconfigToFile.
 */
export function removeProviderFiles(kubeconfig: pulumi.Output<string>): void {
  if (pulumi.runtime.getEngine() === undefined) return;
  kubeconfig.apply((text) => process.once("exit", () => removeCopies(text, tmpdir())));
}

/** Removes the files of the provider that hold the same credentials. */
export function removeCopies(kubeconfig: string, folder: string): void {
  const credentials = credentialsOf(kubeconfig);
  if (credentials.length === 0) return;
  for (const name of readdirSync(folder).filter((each) => /^kubeconfig\d+$/.test(each))) {
    const file = path.join(folder, name);
    try {
      const held = credentialsOf(readIfExists(file) ?? "");
      if (held.length > 0 && held.every((each) => credentials.includes(each))) rmSync(file, { force: true });
    } catch {
      // Another user's.
    }
  }
}

function credentialsOf(kubeconfig: string): string[] {
  const fields = kubeconfig.matchAll(/"?(?:client-key-data|token|password)"?:\s*"?(?<value>[^\s",}]+)/g);
  return [...fields].map(({ groups }) => groups?.value ?? "");
}
