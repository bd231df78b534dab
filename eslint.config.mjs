import js from "@eslint/js";
import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";
import { layerRules } from "./scripts/eslint-layers.mjs";
import { ownKeys } from "./scripts/eslint-own-keys.mjs";

/**
 * The layers, first to last. A file imports from its own layer and from earlier ones, so that data flows in one direction,
 * from the stack file to the API server. The longest entry that fits a file decides. Descriptors (an addon, a kind of
 * cluster: whatever the settings are composed of) are files of a later layer's folder, and are listed before the settings.
 */
const layers = [
  ["components/shared"],
  [
    "components/settings/fields.ts",
    "components/settings/quantities.ts",
    "components/settings/versions.ts",
    // descriptors
    "components/benchmark/metrics",
    "components/cluster/kinds",
    "components/observability/addons",
    "components/apps",
    "policies/guardrails/ids.ts",
  ],
  ["components/settings"],
  ["components/model"],
  // pure functions that validation needs from later layers
  [
    "components/cluster/talos/config",
    "components/mesh/values",
    "components/benchmark/plan",
    "components/platform/namespaces.ts",
    "components/platform/products",
    "components/benchmark/statistics",
    "policies",
  ],
  ["components/validation"],
  ["components/cluster"],
  ["components/platform"],
  ["components/mesh"],
  ["components/observability"],
  ["components/apps/deployed-application.ts"],
  ["policies/mesh-policies.ts"],
  ["components/verification"],
  ["components/benchmark"],
  [
    "index.ts",
    "components",
    "cli",
    "embedded",
    "scripts",
    "policies/guardrails/pack.cjs",
    "policies/guardrails/pack.ts",
  ],
  ["tests", ".github"],
];

const exceptions = [
  // The cluster of kind embedded is this project's own.
  ["components/cluster/embedded-cluster.ts", "embedded/cluster"],
  // What loads TypeScript, for the command line and for programs that a Command runs.
  ["components/shared/step/process.cjs", "cli/bin/register.cjs"],
  // To be removed; nothing may be added.
];

/** Global variables of Node; `require` and its like come with CommonJS. */
const nodeGlobals = Object.fromEntries(
  [
    ...["__dirname", "__filename", "AbortController", "Buffer", "console", "process", "structuredClone", "URL"],
    ...["clearInterval", "clearTimeout", "setInterval", "setTimeout"],
  ].map((name) => [name, "readonly"]),
);

export default tseslint.config(
  { ignores: ["node_modules/", "coverage/", ".talos-mesh/", "tests/fixtures/programs/broken/"] },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "@pulumi": pulumi },
    rules: {
      "@pulumi/no-output-in-template-literal": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "max-lines": ["error", 300],
      "no-console": "off",
      eqeqeq: ["error", "always"],
    },
  },
  {
    files: ["index.ts", "{components,cli,embedded,policies,scripts}/**/*.ts"],
    plugins: { "own-keys": ownKeys },
    rules: { "own-keys/index": "error" },
  },
  ...layerRules(import.meta.dirname, layers, exceptions),
  {
    files: ["**/*.cjs", "**/*.mjs"],
    extends: [js.configs.recommended],
    languageOptions: { globals: nodeGlobals },
    rules: {
      "max-lines": ["error", 300],
      "no-undef": "error",
      eqeqeq: ["error", "always"],
    },
  },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs" } },
);
