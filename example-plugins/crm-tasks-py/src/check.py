"""A look before the install is enabled: is the connection there, and does HubSpot
accept it?"""
from venn_sdk import Draft, Fault, Finding, VennError

import crm


def check(draft: Draft) -> list[Finding]:
    """What is in the way, if anything."""
    if not draft.has_connection(crm.CONNECTION):
        text = "HubSpot is not connected yet: put a private app token into the connection"
        return [Finding("error", text, crm.CONNECTION)]
    try:
        crm.probe()
    except VennError as error:
        return [_finding(Fault.of(error))]
    except Fault as fault:
        return [_finding(fault)]
    return [Finding("ok", "HubSpot accepts the token")]


def _finding(fault: Fault) -> Finding:
    if fault.cause == "customer-config":
        text = "HubSpot does not accept the token: make a new one with the scopes of the help page"
        return Finding("error", text, crm.CONNECTION)
    # Not the customer's to fix, and over soon: no reason to keep them waiting.
    level = "warning" if fault.cause == "third-party" else "error"
    return Finding(level, fault.message, None if level == "warning" else crm.CONNECTION)
