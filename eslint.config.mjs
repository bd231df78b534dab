import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

/**
 * The way of the data, first to last. A folder may import from itself and from those before it, never from a later
 * one: what is decided flows one way, from the stack file to the API server.
 */
const layers = [
  "components/shared",
  "components/settings",
  "components/model",
  "components/validation",
  "components/cluster",
  "components/platform",
  "components/mesh",
  "components/observability",
  "components/apps",
  "policies",
  "components/verification",
  "components/benchmark",
];

/** cli/, embedded/ and scripts/ serve the program and are not part of it; only the embedded cluster may look in. */
const outside = ["**/cli/**", "**/embedded/!(charts)/**", "**/scripts/**", "**/tests/**"];

const oneWay = layers.map((layer, index) => ({
  files: [`${layer}/**/*.ts`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          ...(index < layers.length - 1
            ? [
                {
                  regex: `^(\\.\\./)+(components/)?(${layers
                    .slice(index + 1)
                    .map((later) => later.replace("components/", ""))
                    .join("|")})(/|$)`,
                  message: `${layer} comes before it: layers import from earlier layers only.`,
                },
              ]
            : []),
          {
            group: layer === "components/cluster" ? ["**/tests/**", "**/cli/**", "**/scripts/**"] : outside,
            message: "The program does not import from cli/, embedded/, scripts/ or tests/.",
          },
        ],
      },
    ],
  },
}));

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
  ...oneWay,
  {
    // `export` of a stack output and a resource made for its effect are the idiom of a Pulumi program.
    files: ["**/*.cjs", "**/*.mjs", "**/*.js"],
    extends: [tseslint.configs.base],
  },
);
