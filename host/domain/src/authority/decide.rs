//! The decisions on a snapshot: one function per question a host call asks.
//! Each looks at the effective set first (no allocation on allow), and only
//! on a denial at the layers, outermost first, to name who can change it.
use std::borrow::Cow;

use super::{Authority, Control, Denial, EgressQuestion, PartnershipControl};
use crate::{
    capability::{Capability, OverlapFields},
    egress::{EgressRule, customer_host::CustomerHost, rule::narrower_host},
    event::TIMELINE_ADDED,
    id::PartnershipId,
    manifest::{ConnectionKind, ConnectionRequest},
    sharing::Purpose,
};

const PUBLISHER: &str = "publisher";
const PLATFORM_ADMIN: &str = "platform-admin";
const CUSTOMER_ADMIN: &str = "customer-admin";
const DATA_OWNER: &str = "data-owner";

/// What an install that is being removed may still use.
const TO_CLEAN_UP: [Capability; 2] = [Capability::State, Capability::HttpEgress];

impl Authority {
    /// Intersects the layers.
    pub fn new(control: Control) -> Self {
        let asked = control.manifest.capability_set();
        let mut capabilities =
            asked.and(control.approval.capabilities).and(control.grant.capabilities);
        if control.farewell.leaving {
            capabilities = capabilities.and(TO_CLEAN_UP.into_iter().collect());
        }
        let fields =
            control.manifest.fields.and(&control.approval.fields).and(&control.grant.fields);
        let egress = effective_egress(&control);
        Self { control, capabilities, fields, egress }
    }

    /// May the install use this capability now?
    pub fn allows(&self, capability: Capability) -> Result<(), Denial> {
        if self.capabilities.has(capability) && self.control.stopped.is_none() {
            return Ok(());
        }
        Err(self.deny_capability(capability))
    }

    /// Are all these fields within manifest, approval and grant?
    pub fn allows_fields(&self, wanted: &OverlapFields) -> Result<(), Denial> {
        if wanted.is_within(&self.fields) {
            return Ok(());
        }
        let Some(name) = wanted.names().find(|name| !self.fields.has_name(name)) else {
            return Ok(());
        };
        let (why, who) = Self::layer(
            self.control.manifest.fields.has_name(&name),
            self.control.approval.fields.has_name(&name),
        );
        Err(denial(Capability::OverlapsRead, format!("field {name}"), why, who))
    }

    /// May the install use this capability on our population: read its overlaps,
    /// write its accounts?
    pub fn allows_population(
        &self,
        capability: Capability,
        population: &str,
    ) -> Result<(), Denial> {
        if self.control.grant.populations.iter().any(|granted| granted == population) {
            return Ok(());
        }
        Err(denial(
            capability,
            format!("population {population}"),
            "the customer did not grant it",
            CUSTOMER_ADMIN,
        ))
    }

    /// May the install read overlaps of this partnership at all, now?
    pub fn allows_partnership(&self, id: &str) -> Result<&PartnershipControl, Denial> {
        let deny = |why: &str, who: &'static str| {
            Err(denial(Capability::OverlapsRead, format!("partnership {id}"), why, who))
        };
        let granted = self.control.partnerships.iter().find(|p| p.id.as_str() == id);
        let Some(partnership) = granted else {
            return deny("the customer did not grant it", CUSTOMER_ADMIN);
        };
        if !partnership.active {
            return deny("the partnership has ended", CUSTOMER_ADMIN);
        }
        if partnership.rules.iter().any(|rule| rule.lets_install_read(self.has_egress())) {
            return Ok(partnership);
        }
        match Purpose::needed(self.has_egress()) {
            Purpose::Egress => deny(
                "the data owner does not let plugins that send data elsewhere read its accounts",
                DATA_OWNER,
            ),
            _ => deny("the data owner does not let plugins read its accounts", DATA_OWNER),
        }
    }

    /// May the install be told of entries that other plugins add to the timeline, of this
    /// partnership or of none? That it is stopped just now is no reason against: what it is
    /// told waits.
    ///
    /// Nobody knows of which rows a text was made. So an install that sends data elsewhere
    /// hears of a partnership only if the data owner lets it read all that any plugin may.
    pub fn hears_of(&self, partnership: Option<&PartnershipId>) -> bool {
        if !self.capabilities.has(Capability::TimelineRead)
            || !self.control.manifest.wants(TIMELINE_ADDED)
        {
            return false;
        }
        let Some(id) = partnership else { return true };
        self.allows_partnership(id.as_str()).is_ok_and(|partnership| {
            let mut for_plugins =
                partnership.rules.iter().filter(|rule| rule.lets_install_read(false));
            for_plugins.all(|rule| rule.lets_install_read(self.has_egress()))
        })
    }

    /// The partnerships that the install may read now, and the names of the
    /// partners that are withheld by their rules.
    pub fn readable_partnerships(&self) -> (Vec<&PartnershipControl>, Vec<String>) {
        let mut readable = Vec::new();
        let mut withheld = Vec::new();
        for partnership in &self.control.partnerships {
            match self.allows_partnership(partnership.id.as_str()) {
                Ok(_) => readable.push(partnership),
                Err(_) if partnership.active => withheld.push(partnership.partner.clone()),
                Err(_) => {}
            }
        }
        (readable, withheld)
    }

    /// May the install look at its state of this partition? Also of what is being
    /// erased: it says what has to go elsewhere.
    pub fn allows_state_of(&self, partition: Option<&PartnershipId>) -> Result<(), Denial> {
        if partition.is_some_and(|id| self.control.farewell.erasing.contains(id)) {
            return self.allows(Capability::State);
        }
        self.allows_write_to(Capability::State, partition, &[]).map_err(|mut denial| {
            denial.what = denial.what.replacen("write for", "state of", 1);
            denial
        })
    }

    /// May a run that has read these partnerships' rows write there?
    pub fn allows_write_to(
        &self,
        capability: Capability,
        partition: Option<&PartnershipId>,
        read_from: &[PartnershipId],
    ) -> Result<(), Denial> {
        self.allows(capability)?;
        if let Some(id) = partition
            && !self.control.partnerships.iter().any(|p| p.id == *id && p.active)
        {
            let what = format!("write for partnership {id}");
            return Err(denial(capability, what, "the customer did not grant it", CUSTOMER_ADMIN));
        }
        if read_from.iter().all(|read| Some(read) == partition) {
            return Ok(());
        }
        let what = partition.map_or_else(
            || "write for no partnership".to_owned(),
            |id| format!("write for partnership {id}"),
        );
        let why = "the run has read rows of another partnership, and what is derived from them must stay apart: write it for that partnership (state: `of(subject)`)";
        Err(denial(capability, what, why, PUBLISHER))
    }

    /// May this call go out? Returns the connection whose credential to add.
    pub fn allows_egress(
        &self,
        question: EgressQuestion<'_>,
    ) -> Result<Option<&ConnectionRequest>, Denial> {
        self.allows(Capability::HttpEgress)?;
        if !self.egress.iter().any(|rule| rule.allows(question.method, question.target)) {
            return Err(self.deny_egress(question));
        }
        let Some(name) = question.connection else {
            return Ok(None);
        };
        let Some(connection) = self.connection(name) else {
            return Err(self.deny_connection(name));
        };
        let target = question.target;
        if target.host == connection.host && target.port == 443 && target.scheme == "https" {
            return Ok(Some(connection));
        }
        Err(denial(
            Capability::HttpEgress,
            format!("connection {name} at {}", target.origin()),
            &format!("the connection is bound to https://{}", connection.host),
            PUBLISHER,
        ))
    }

    fn deny_capability(&self, capability: Capability) -> Denial {
        if let Some(why) = &self.control.stopped {
            let what = "anything".to_owned();
            return denial(capability, what, why, CUSTOMER_ADMIN);
        }
        if self.control.farewell.leaving && !TO_CLEAN_UP.contains(&capability) {
            let what = format!("capability {}", capability.name());
            return denial(capability, what, "the install is being removed", CUSTOMER_ADMIN);
        }
        let (why, who) = Self::layer(
            self.control.manifest.capability_set().has(capability),
            self.control.approval.capabilities.has(capability),
        );
        denial(capability, format!("capability {}", capability.name()), why, who)
    }

    fn deny_egress(&self, question: EgressQuestion<'_>) -> Denial {
        let what = format!("{} {}", question.method, question.target.without_query());
        let hosts = self.control.manifest.egress.iter().map(|request| request.rule.host.as_str());
        let mut open = hosts.filter_map(CustomerHost::parse);
        let asked = self
            .control
            .manifest
            .egress
            .iter()
            .any(|request| request.rule.allows(question.method, question.target));
        if !asked && let Some(place) = open.find(|place| place.may_become(&question.target.host)) {
            let why = format!("the customer has not said in `{}` which host this is", place.field);
            return denial(Capability::HttpEgress, what, &why, CUSTOMER_ADMIN);
        }
        if !asked && let Some((field, host)) = self.said_otherwise(&question.target.host) {
            let why = format!("the customer says in `{field}` that the host is {host}");
            return denial(Capability::HttpEgress, what, &why, CUSTOMER_ADMIN);
        }
        let allows = |rule: &EgressRule| rule.allows(question.method, question.target);
        let (why, who) = Self::layer(asked, self.control.approval.egress.iter().any(allows));
        denial(Capability::HttpEgress, what, why, who)
    }

    /// The field and the host that it says, where another word in it would make this one.
    fn said_otherwise(&self, host: &str) -> Option<(&str, &str)> {
        self.control.customer_hosts.iter().filter(|said| said.host != host).find_map(|said| {
            let place = CustomerHost::parse(&said.place)?;
            let could_be = place.is_below_a_base() && place.may_become(host);
            could_be.then_some((place.field, said.host.as_str()))
        })
    }

    fn deny_connection(&self, name: &str) -> Denial {
        let mut requests = self.control.manifest.connections.iter();
        let (what, why, who) = match requests.find(|request| request.name == name) {
            Some(request) if request.kind == ConnectionKind::BackendKey => {
                ("credential", "the publisher has put no key for it", PUBLISHER)
            }
            Some(_) => ("connection", "the customer has not connected it", CUSTOMER_ADMIN),
            None => ("connection", "the manifest does not ask for it", PUBLISHER),
        };
        denial(Capability::HttpEgress, format!("{what} {name}"), why, who)
    }

    /// Which layer lacks it: the manifest, the approval, or else the grant.
    const fn layer(asked: bool, approved: bool) -> (&'static str, &'static str) {
        match (asked, approved) {
            (false, _) => ("the manifest does not ask for it", PUBLISHER),
            (true, false) => ("the platform did not approve it for this plugin", PLATFORM_ADMIN),
            (true, true) => ("the customer did not grant it", CUSTOMER_ADMIN),
        }
    }
}

fn denial(capability: Capability, what: String, why: &str, who: &'static str) -> Denial {
    Denial {
        capability: Cow::Borrowed(capability.name()),
        what,
        why: why.to_owned(),
        who_can_change_it: Cow::Borrowed(who),
    }
}

/// What manifest and approval both allow, at hosts that were granted. A real
/// intersection: rules of which neither covers the other meet in the middle,
/// so that narrowing one layer can never bring a destination back.
fn effective_egress(control: &Control) -> Vec<EgressRule> {
    let mut rules: Vec<EgressRule> = Vec::new();
    let asked = control.manifest.egress.iter().map(|request| &request.rule);
    for both in asked.flat_map(|asked| {
        control.approval.egress.iter().filter_map(move |approved| asked.and(approved))
    }) {
        for granted in &control.grant.egress_hosts {
            let Some(host) = narrower_host(granted, &both.host) else {
                continue;
            };
            let rule = EgressRule { host: host.to_owned(), ..both.clone() };
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    rules
}
