// A task in HubSpot for every overlap that is new, so that somebody follows up.
// Copy this folder to start a plugin of your own.
//
// - config: what the customer sets. - task: what a task says. Pure.
// - place: how far the work is, over many short runs. Pure.
// - crm: the calls to HubSpot, and nothing that decides.
// - sync: one run: read changes, make tasks, note it, remember the place.
// - check: a look before the install is enabled.
//
// It does not keep anything of an overlap itself, does not delete tasks when an
// overlap goes away (people work on them), and never reopens one.
import { plugin } from "@venn/sdk";
import { check } from "./check";
import * as crm from "./crm";
import { run } from "./sync";

export const entry = plugin({
  handle(event) {
    switch (event.kind) {
      case "installed":
        crm.createProperty();
        return { summary: "HubSpot is ready for tasks" };
      case "overlaps-changed":
        return run(event);
      // Kinds that this release does not know are not an error.
      default:
        return;
    }
  },
  check,
});
