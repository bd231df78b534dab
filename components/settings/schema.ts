import { z } from "zod";
import { applicationSections } from "../apps/registry";
import { clusterSettings } from "../cluster/kinds";
import { applications } from "./sections/apps";
import { benchmark } from "./sections/benchmark";
import { gateways } from "./sections/gateways";
import { charts, images } from "./sections/images";
import { guardrails } from "./sections/guardrails";
import { layers } from "./sections/layers";
import { mesh } from "./sections/mesh";
import { observability } from "./sections/observability";
import { platform } from "./sections/platform";
import { rawObjects, security } from "./sections/security";
import { telemetry } from "./sections/telemetry";
import { traffic } from "./sections/traffic";
import { verification } from "./sections/verification";

/**
 * The settings of a stack: every key of the configuration namespace `talos-mesh`. Unknown keys are refused
 * everywhere. The editor's JSON Schema is made from this (`npm run schema`), and the TypeScript types follow.
 */
export const settingsSchema = z.strictObject({
  environment: z.enum(["dev", "staging", "production"]).describe("What guardrails and rules may allow."),
  cluster: clusterSettings,
  layers: layers.optional(),
  platform: platform.prefault({}),
  charts: charts.prefault({}),
  images: images.prefault({}),
  mesh,
  gateways: gateways.prefault({}),
  observability: observability.optional(),
  ...applicationSections(),
  applications: applications.optional(),
  traffic: traffic.prefault({}),
  security: security.prefault({}),
  telemetry: telemetry.prefault({}),
  objects: rawObjects.optional(),
  guardrails: guardrails.prefault({}),
  verification: verification.optional(),
  benchmark: benchmark.optional(),
});

export type Settings = z.output<typeof settingsSchema>;

export type SettingsInput = z.input<typeof settingsSchema>;
