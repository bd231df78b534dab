import type { Engine } from "./engine";
import type { PulumiCli } from "./pulumi-cli";

export function pulumiEngine(cli: PulumiCli): Engine {
  throw new Error(cli.path);
}
