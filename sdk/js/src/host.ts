// What the run is, and what the host last declined. Needs no capability.
import * as raw from "venn:plugin/host@0.1.0";
import type { Denial } from "./error";

export type { RunInfo } from "venn:plugin/host@0.1.0";

/**
 * Ids of the run, the install and the plugin, the version, and which attempt at
 * the delivery this is (1 for the first).
 */
export const info = (): raw.RunInfo => raw.info();

/**
 * The newest denial of this run, also one that `fetch` met as a bare network
 * error.
 */
export const lastDenial = (): Denial | undefined => raw.lastDenial();
