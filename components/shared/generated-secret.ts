import * as pulumi from "@pulumi/pulumi";
import { lifecycleCommand } from "./lifecycle-command";

/**
 * A secret of 32 letters and digits that is made once, when it is first needed, and kept in the stack's state,
 * encrypted as every secret there.
 */
export function generatedSecret(name: string, opts: pulumi.CustomResourceOptions): pulumi.Output<string> {
  const command = lifecycleCommand(
    name,
    { apply: "exec node components/shared/scripts/random-secret.cjs", secretOutput: true, previousOutput: true },
    opts,
  );
  return pulumi.secret(command.stdout);
}
