//! What must hold in a manifest beyond its shape; everything that is wrong is
//! listed at once, so that a publisher corrects it in one go.
//!
//! To add a rule: a line in the function of its section. Places are written
//! like `egress[0].host`.
use schemars::JsonSchema;
use std::collections::HashSet;

use super::{CATEGORIES, Manifest, schema};
use crate::{
    account::check_key,
    capability::Capability,
    egress::{Target, customer_host::CustomerHost, host},
    event, limits,
    text::is_hidden,
};

mod action;
mod connection;
mod webhook;

/// The most problems listed at once.
pub const PROBLEM_LIMIT: usize = 50;

/// Texts that stand in lists and headings.
const TITLE_CHARS: usize = 80;
const VERSION_CHARS: usize = 64;
/// One or two sentences.
const SENTENCE_CHARS: usize = 400;
/// A FAQ answer: some paragraphs.
const ANSWER_CHARS: usize = 2_000;
/// Entries in one list: each is read by an admin, and none that we know of
/// comes near.
const ENTRIES_MAX: usize = 64;

/// One thing that is wrong, with its place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error, JsonSchema)]
#[error("{place}: {reason}. {next_step}")]
pub struct Problem {
    /// For example `egress[0].host`.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub next_step: String,
}

/// What is wrong with one member of an entry; its place is the entry's and the member's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {reason}. {next_step}")]
pub struct BadMember {
    /// The member that is wrong.
    pub member: &'static str,
    /// Why.
    pub reason: String,
    /// What to do.
    pub next_step: &'static str,
}

impl Manifest {
    /// Everything that is wrong with a manifest that has the right shape.
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut list = List(Vec::new());
        self.check_identity(&mut list);
        self.check_capabilities(&mut list);
        self.check_egress(&mut list);
        self.check_connections(&mut list);
        self.check_events_and_limits(&mut list);
        self.check_schedules(&mut list);
        self.check_webhooks(&mut list);
        self.check_actions(&mut list);
        self.check_schema(&mut list);
        self.check_faults(&mut list);
        self.check_support(&mut list);
        list.0.truncate(PROBLEM_LIMIT);
        if list.0.is_empty() { Ok(()) } else { Err(list.0) }
    }

    fn check_identity(&self, list: &mut List) {
        if let Err(error) = check_key(&self.name) {
            list.add("name", error.to_string(), "Choose another name");
        }
        if !self.version.build.is_empty() {
            let reason = "versions that differ only after `+` would count as the same release";
            list.add("version", reason, "Leave out the part after `+`");
        }
        if self.version.to_string().len() > VERSION_CHARS {
            let reason = format!("it is longer than {VERSION_CHARS} characters");
            list.add("version", reason, "Shorten the part after `-`");
        }
        list.text("title", &self.title, TITLE_CHARS);
        list.text("summary", &self.summary, SENTENCE_CHARS);
        if !CATEGORIES.contains(&self.category.as_str()) {
            let next = format!("Use one of {}", CATEGORIES.join(", "));
            list.add("category", "there is no such category", next);
        }
    }

    fn check_capabilities(&self, list: &mut List) {
        let mut seen = HashSet::new();
        for (index, request) in self.capabilities.iter().enumerate() {
            if !seen.insert(request.name) {
                let reason = format!("`{}` is asked for twice", request.name.name());
                list.add(format!("capabilities[{index}].name"), reason, "Keep one of them");
            }
            list.text(format!("capabilities[{index}].reason"), &request.reason, SENTENCE_CHARS);
        }
        let asked = self.capability_set();
        if self.fields.names().next().is_some() && !asked.has(Capability::OverlapsRead) {
            let reason = "fields of overlaps are read, but `overlaps:read` is not asked for";
            list.add("fields", reason, "Ask for the capability, or leave the fields out");
        }
        for name in self.fields.names() {
            if name.chars().count() > TITLE_CHARS || name.chars().any(is_hidden) {
                list.add("fields", "a name is too long or has hidden characters", "Correct it");
            }
        }
        if self.wants(event::TIMELINE_ADDED) && !asked.has(Capability::TimelineRead) {
            let reason = "`timeline-added` is one of them, but `timeline:read` is not asked for";
            list.add("events", reason, "Ask for the capability, or leave the kind out");
        }
        if self.egress.is_empty() && asked.has(Capability::HttpEgress) {
            let reason = "`http:egress` is asked for, but no destination is named";
            list.add("egress", reason, "Name every host that is called");
        }
        if !self.egress.is_empty() && !asked.has(Capability::HttpEgress) {
            let reason = "destinations are named, but `http:egress` is not asked for";
            list.add("egress", reason, "Ask for the capability, or leave the destinations out");
        }
    }

    fn check_egress(&self, list: &mut List) {
        list.count("egress", self.egress.len());
        for (index, request) in self.egress.iter().enumerate() {
            let place = format!("egress[{index}]");
            for bad in request.rule.check().err().unwrap_or_default() {
                list.add(format!("{place}.{}", bad.member), bad.reason, "Correct it");
            }
            self.check_customer_field(&place, &request.rule.host, list);
            list.text(format!("{place}.reason"), &request.reason, SENTENCE_CHARS);
            list.text(format!("{place}.data"), &request.data, SENTENCE_CHARS);
            list.text(format!("{place}.retention"), &request.retention, SENTENCE_CHARS);
        }
    }

    /// A host that the customer completes needs the field to say it in.
    fn check_customer_field(&self, place: &str, host: &str, list: &mut List) {
        let Some(CustomerHost { field, .. }) = CustomerHost::parse(host) else { return };
        let properties = self.config_schema.get("properties");
        let property = properties.and_then(|properties| properties.get(field));
        if property.and_then(|property| property.get("type")) != Some(&"string".into()) {
            let reason = format!("`{field}` is not a text property of `config_schema`");
            let next = "Add it there with `type = \"string\"`, or correct the name";
            list.add(format!("{place}.host"), reason, next);
        }
    }

    fn check_events_and_limits(&self, list: &mut List) {
        let mut seen = HashSet::new();
        for (index, kind) in self.events.iter().enumerate() {
            let known: Vec<_> = event::KINDS.iter().map(|(name, _)| *name).collect();
            if !known.contains(&kind.as_str()) {
                let next = format!("Use some of {}", known.join(", "));
                list.add(format!("events[{index}]"), "there is no such kind of event", next);
            } else if !seen.insert(kind) {
                list.add(format!("events[{index}]"), "it stands twice", "Keep one of them");
            }
        }
        let asked = &self.limits;
        for (name, asked, most, unit) in [
            ("limits.cpu_ms", asked.cpu_ms, limits::RUN_CPU_MS_MAX, "ms"),
            ("limits.wall_ms", asked.wall_ms, limits::RUN_WALL_MS_MAX, "ms"),
            ("limits.scratch_bytes", asked.scratch_bytes, limits::SCRATCH_BYTES_MAX, "bytes"),
            ("limits.scratch_files", asked.scratch_files, limits::SCRATCH_FILES_MAX, "files"),
        ] {
            if asked.is_some_and(|asked| asked == 0 || asked > most) {
                let next = format!("Ask for 1 to {most} {unit}, or split the work with `again`");
                list.add(name, "it is 0 or more than the published limit", next);
            }
        }
        let most = limits::INSTALL_RUNS_MAX;
        if asked.concurrency.is_some_and(|asked| asked == 0 || asked > most) {
            let next = format!("Ask for 1 to {most} runs, or leave it out: then it is one");
            let reason = "it is 0 or more than the published limit";
            list.add("limits.concurrency", reason, next);
        }
        if asked.runs_at_once() > 1 && self.capability_set().has(Capability::AccountsWrite) {
            let reason = "`accounts:write` is asked for, and a source's rows come in order";
            list.add("limits.concurrency", reason, "Leave it out, or do without the capability");
        }
        let sized = asked.scratch_bytes.is_some() || asked.scratch_files.is_some();
        if sized && !self.capability_set().has(Capability::Scratch) {
            let reason = "room for files is asked for, but `scratch` is not";
            list.add("limits", reason, "Ask for the capability, or leave the numbers out");
        }
    }

    fn check_schedules(&self, list: &mut List) {
        if self.schedules.len() > limits::SCHEDULES {
            let (count, most) = (self.schedules.len(), limits::SCHEDULES);
            let reason = format!("it has {count} entries, at most {most} are allowed");
            list.add("schedules", reason, "Leave some out, or do several things in one run");
        }
        if !self.schedules.is_empty() && !self.wants(event::SCHEDULE) {
            let reason = "`schedule` is not one of them, and there are schedules";
            list.add("events", reason, "Add it, or leave the schedules out");
        }
        let mut seen = HashSet::new();
        for (index, schedule) in self.schedules.iter().enumerate() {
            let place = format!("schedules[{index}]");
            if schedule.name == event::RUN_NOW {
                let reason = "runs that a person asks for have this name";
                list.add(format!("{place}.name"), reason, "Choose another name");
            }
            list.name(&place, &schedule.name, &mut seen);
            list.text(format!("{place}.title"), &schedule.title, TITLE_CHARS);
            if let Err(bad) = schedule.check() {
                list.add(format!("{place}.{}", bad.member), bad.reason, bad.next_step);
            }
        }
    }

    fn check_schema(&self, list: &mut List) {
        if let Err(bad) = schema::check(&self.config_schema) {
            let place = format!("config_schema{}", bad.place);
            list.add(place, bad.reason, "Correct the schema (JSON Schema 2020-12)");
        }
    }

    fn check_faults(&self, list: &mut List) {
        list.count("faults", self.faults.len());
        let mut seen = HashSet::new();
        for (index, fault) in self.faults.iter().enumerate() {
            let place = format!("faults[{index}]");
            if let Err(error) = check_key(&fault.code) {
                list.add(format!("{place}.code"), error.to_string(), "Choose another code");
            }
            if !seen.insert(&fault.code) {
                list.add(format!("{place}.code"), "the code stands twice", "Keep one of them");
            }
            list.text(format!("{place}.title"), &fault.title, TITLE_CHARS);
            list.text(format!("{place}.answer"), &fault.answer, ANSWER_CHARS);
            if fault.field.as_deref().is_some_and(|field| !self.has_setting(field)) {
                let reason = "it is neither a property of `config_schema` nor a connection";
                list.add(format!("{place}.field"), reason, "Correct the name or leave it out");
            }
        }
    }

    fn check_support(&self, list: &mut List) {
        if !is_email(&self.support.contact) {
            let next = "Name one that a person reads";
            list.add("support.contact", "it is not an e-mail address", next);
        }
        if let Some(url) = &self.support.url {
            match Target::parse(url) {
                Ok(target) if target.scheme == "https" => {}
                Ok(_) => list.add("support.url", "it is not `https`", "Use an https page"),
                Err(error) => list.add("support.url", error.to_string(), "Correct it"),
            }
        }
    }

    /// Whether the name is a property of the configuration or a connection:
    /// something that a customer can correct.
    pub fn has_setting(&self, name: &str) -> bool {
        self.config_schema.get("properties").is_some_and(|p| p.get(name).is_some())
            || self.connections.iter().any(|connection| connection.name == name)
    }
}

struct List(Vec<Problem>);

impl List {
    fn add(
        &mut self,
        place: impl Into<String>,
        reason: impl Into<String>,
        next_step: impl Into<String>,
    ) {
        let (place, reason, next_step) = (place.into(), reason.into(), next_step.into());
        self.0.push(Problem { place, reason, next_step });
    }

    fn text(&mut self, place: impl Into<String>, text: &str, chars_max: usize) {
        if text.trim().is_empty() {
            self.add(place, "it is empty", "Write it; people read it");
        } else if text.chars().count() > chars_max {
            self.add(place, format!("it is longer than {chars_max} characters"), "Shorten it");
        } else if text.chars().any(|c| is_hidden(c) && (c != '\n' || chars_max < ANSWER_CHARS)) {
            self.add(place, "it has control or hidden characters", "Remove them");
        }
    }

    /// The name of an entry: a key, and no other entry's.
    fn name<'m>(&mut self, place: &str, name: &'m str, seen: &mut HashSet<&'m str>) {
        if let Err(error) = check_key(name) {
            self.add(format!("{place}.name"), error.to_string(), "Choose another name");
        }
        if !seen.insert(name) {
            self.add(format!("{place}.name"), "the name stands twice", "Choose another name");
        }
    }

    fn count(&mut self, place: &str, entries: usize) {
        if entries > ENTRIES_MAX {
            let reason = format!("it has {entries} entries, at most {ENTRIES_MAX} are allowed");
            self.add(place, reason, "Leave some out");
        }
    }
}

/// Looks like an e-mail address: something plain, `@`, a host name.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'@' | b'<' | b'>' | b',' | b'"');
    // RFC 5321 allows 254 characters in all.
    text.len() <= 254
        && !local.is_empty()
        && local.bytes().all(plain)
        && host::canonical(domain).is_ok()
}
