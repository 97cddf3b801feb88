//! What is left to an install that is about to go, and of a partnership that is erased.
use super::*;

#[test]
fn an_install_that_is_being_removed_has_its_state_and_its_calls_and_nothing_else() {
    let authority = without(|c| c.farewell.leaving = true);
    for capability in Cap::ALL {
        let asked = without(|_| {}).allows(capability).is_ok();
        let expected = match capability {
            Cap::State | Cap::HttpEgress => "allowed".to_owned(),
            _ => format!(
                "{0} | capability {0} | the install is being removed | customer-admin",
                capability.name()
            ),
        };
        assert_eq!(told(authority.allows(capability)), expected, "asked for: {asked}");
    }
    let stopped = without(|c| {
        c.farewell.leaving = true;
        c.stopped = Some("the platform suspended the plugin: it leaks".into());
    });
    assert_eq!(
        told(stopped.allows(Cap::State)),
        "state | anything | the platform suspended the plugin: it leaks | customer-admin"
    );
}

#[test]
fn state_of_what_is_erased_is_looked_at_and_not_written() {
    let (four, gone) = (partnership(4), partnership(9));
    let kept = |what: &str, id: &PartnershipId| {
        format!("state | {what} partnership {id} | the customer did not grant it | customer-admin")
    };
    // Ended, with nothing to erase any more.
    assert_eq!(told(without(|_| {}).allows_state_of(Some(&four))), kept("state of", &four));
    let erasing = |c: &mut Control| c.farewell.erasing = vec![partnership(4), partnership(9)];
    let authority = without(erasing);
    for id in [&four, &gone] {
        assert_eq!(told(authority.allows_state_of(Some(id))), "allowed");
        assert_eq!(
            told(authority.allows_write_to(Cap::State, Some(id), &[])),
            kept("write for", id)
        );
        assert!(authority.allows_partnership(id.as_str()).is_err(), "the rows stay closed");
    }
    let other = partnership(8);
    assert_eq!(told(authority.allows_state_of(Some(&other))), kept("state of", &other));
    let without_state = without(|c| {
        erasing(c);
        c.grant.capabilities = all_but(Cap::State);
    });
    assert_eq!(
        told(without_state.allows_state_of(Some(&four))),
        "state | capability state | the customer did not grant it | customer-admin"
    );
}
