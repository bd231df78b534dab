import type { z } from "zod";
import { ifKnown, setUnknown } from "../shared/unknown";
import {
  type Application,
  type ApplicationSettings,
  applicationSettings,
  type ConfiguredApplication,
} from "./application";
import { bookinfo } from "./bookinfo";

/** Every application that this program deploys; those under `talos-mesh:applications` are deployed elsewhere. */
export const deployableApplications = [bookinfo] as const;

export type ApplicationName = (typeof deployableApplications)[number]["name"];

/** The applications' sections of the stack file. */
export type ApplicationSections = { readonly [Name in ApplicationName]?: ApplicationSettings | undefined };

type SectionSchemas = { readonly [Name in ApplicationName]: z.ZodOptional<ReturnType<typeof applicationSettings>> };

export function applicationSections(): SectionSchemas {
  return Object.fromEntries(
    deployableApplications.map((application) => [application.name, applicationSettings(application).optional()]),
  ) as SectionSchemas;
}

/** The applications that the stack file configures; one whose section could not be read is unknown in the list. */
export function configuredApplications(sections: ApplicationSections): ConfiguredApplication[] {
  const configured: ConfiguredApplication[] = [];
  for (const application of deployableApplications as readonly Application[]) {
    const section = ifKnown(() => ({ settings: sections[application.name as ApplicationName] }));
    if (!section) setUnknown(configured, configured.length);
    else if (section.settings) configured.push({ application, settings: section.settings });
  }
  return configured;
}
