// Lines for the run's log. Needs no capability. At most 256 lines of 4 KiB
// each; the customer reads them, support too: no secrets.
import * as raw from "venn:plugin/log@0.1.0";

/** For the plugin's developer. */
export const debug = (message: string): void => raw.write("debug", message);
/** On what was done. */
export const info = (message: string): void => raw.write("info", message);
/** On what was left out. */
export const warn = (message: string): void => raw.write("warn", message);
/** On what did not work. */
export const error = (message: string): void => raw.write("error", message);
