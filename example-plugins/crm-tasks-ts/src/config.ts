// What the customer sets. The schema stands in `venn.toml`, with the same
// defaults; the host has checked the text against it.
import { config } from "@venn/sdk";

/** The configuration. */
export interface Config {
  task_priority: "NONE" | "LOW" | "MEDIUM" | "HIGH";
  task_prefix: string;
  min_confidence: "sure" | "likely";
  assign_company: boolean;
}

export const DEFAULTS: Config = {
  task_priority: "MEDIUM",
  task_prefix: "Overlap:",
  min_confidence: "sure",
  assign_company: true,
};

/** What is set, with defaults for the rest. */
export function settings(): Config {
  return { ...DEFAULTS, ...config.get<Partial<Config>>() };
}

/**
 * Whether an overlap of that confidence is enough. A word that is not known here
 * counts as less than likely.
 */
export function accepts(least: Config["min_confidence"], confidence: string): boolean {
  return confidence === "sure" || (least === "likely" && confidence === "likely");
}
