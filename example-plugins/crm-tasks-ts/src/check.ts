// A look before the install is enabled: is the connection there, and does HubSpot
// accept it?
import { Fault, Finding, VennError, type Draft } from "@venn/sdk";
import * as crm from "./crm";

/** What is in the way, if anything. */
export function check(draft: Draft): Finding[] {
  if (!draft.hasConnection(crm.CONNECTION)) {
    const text = "HubSpot is not connected yet: put a private app token into the connection";
    return [Finding.error(text, crm.CONNECTION)];
  }
  try {
    crm.probe();
    return [Finding.ok("HubSpot accepts the token")];
  } catch (thrown) {
    const fault = thrown instanceof VennError ? Fault.of(thrown) : thrown;
    if (!(fault instanceof Fault)) throw thrown;
    return [finding(fault)];
  }
}

function finding(fault: Fault): Finding {
  switch (fault.cause) {
    case "customer-config": {
      const text = "HubSpot does not accept the token: make a new one with the scopes of the help page";
      return Finding.error(text, crm.CONNECTION);
    }
    // Not the customer's to fix, and over soon: no reason to keep them waiting.
    case "third-party":
      return Finding.warning(fault.message);
    default:
      return Finding.error(fault.message, crm.CONNECTION);
  }
}
