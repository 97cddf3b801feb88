//! The properties that a portal has from the start: those of HubSpot's guides that a plugin for
//! account data would touch. A property that is missing here is refused as unknown, so add it
//! here (from HubSpot's list of default properties) rather than making the check lenient.

use super::Kind;
use super::merge::MERGED;
use super::schema::{Choice, Property};

const TEXT: (&str, &str) = ("string", "text");
const LONG_TEXT: (&str, &str) = ("string", "textarea");
const NUMBER: (&str, &str) = ("number", "number");
const MOMENT: (&str, &str) = ("datetime", "date");
const CHOICE: (&str, &str) = ("enumeration", "select");

type Row = (&'static str, &'static str, (&'static str, &'static str));

const COMPANIES: &[Row] = &[
    ("name", "Company name", TEXT),
    ("domain", "Company Domain Name", TEXT),
    ("website", "Website URL", TEXT),
    ("phone", "Phone Number", ("string", "phonenumber")),
    ("description", "Description", LONG_TEXT),
    ("address", "Street Address", TEXT),
    ("city", "City", TEXT),
    ("state", "State/Region", TEXT),
    ("zip", "Postal Code", TEXT),
    ("country", "Country/Region", TEXT),
    ("numberofemployees", "Number of Employees", NUMBER),
    ("annualrevenue", "Annual Revenue", NUMBER),
    ("hubspot_owner_id", "Company owner", TEXT),
    ("lifecyclestage", "Lifecycle Stage", ("enumeration", "radio")),
];

const CONTACTS: &[Row] = &[
    ("email", "Email", TEXT),
    ("firstname", "First Name", TEXT),
    ("lastname", "Last Name", TEXT),
    ("phone", "Phone Number", ("string", "phonenumber")),
    ("jobtitle", "Job Title", TEXT),
    ("company", "Company Name", TEXT),
    ("website", "Website URL", TEXT),
    ("hubspot_owner_id", "Contact owner", TEXT),
    ("lifecyclestage", "Lifecycle Stage", ("enumeration", "radio")),
];

const TASKS: &[Row] = &[
    ("hs_timestamp", "Due date", MOMENT),
    ("hs_task_subject", "Task Title", TEXT),
    ("hs_task_body", "Notes", LONG_TEXT),
    ("hs_task_status", "Task Status", CHOICE),
    ("hs_task_priority", "Priority", CHOICE),
    ("hs_task_type", "Task Type", CHOICE),
    ("hs_task_reminders", "Reminders", TEXT),
    ("hubspot_owner_id", "Assigned to", TEXT),
];

const LIFECYCLE: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

fn choices(name: &str) -> &'static [&'static str] {
    match name {
        "lifecyclestage" => LIFECYCLE,
        "hs_task_status" => &["NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"],
        "hs_task_priority" => &["NONE", "LOW", "MEDIUM", "HIGH"],
        "hs_task_type" => &["EMAIL", "CALL", "TODO"],
        _ => &[],
    }
}

/// The property group that every object type has.
pub(super) fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Companies => "companyinformation",
        Kind::Contacts => "contactinformation",
        Kind::Tasks => "task",
    }
}

/// Properties without which no object of this type is created.
pub(super) fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Companies | Kind::Contacts => &[],
        Kind::Tasks => &["hs_timestamp"],
    }
}

/// A new portal's properties of that type.
pub(super) fn properties(kind: Kind) -> Vec<Property> {
    let rows = match kind {
        Kind::Companies => COMPANIES,
        Kind::Contacts => CONTACTS,
        Kind::Tasks => TASKS,
    };
    let read_only = [
        ("hs_object_id", "Record ID", NUMBER),
        (kind.created_property(), "Create Date", MOMENT),
        (kind.modified_property(), "Last Modified Date", MOMENT),
    ];
    // Merging is simulated for these only.
    let merged = (kind != Kind::Tasks).then_some((MERGED, "Merged record IDs", TEXT));
    let writable = rows.iter().map(|row| property(kind, *row, false));
    let read_only = read_only.into_iter().chain(merged);
    writable.chain(read_only.map(|row| property(kind, row, true))).collect()
}

fn property(
    kind: Kind,
    (name, label, (value_type, field_type)): Row,
    read_only_value: bool,
) -> Property {
    let options = choices(name).iter().zip(0..).map(|(value, display_order)| Choice {
        label: (*value).to_owned(),
        value: (*value).to_owned(),
        display_order,
        hidden: false,
    });
    Property {
        name: name.to_owned(),
        label: label.to_owned(),
        value_type: value_type.to_owned(),
        field_type: field_type.to_owned(),
        description: String::new(),
        group_name: group(kind).to_owned(),
        options: options.collect(),
        display_order: -1,
        // The one default property of these types that HubSpot keeps unique by itself.
        has_unique_value: kind == Kind::Contacts && name == "email",
        hidden: false,
        form_field: false,
        hubspot_defined: true,
        read_only_value,
        created_at: "2019-08-06T02:41:08.029Z".to_owned(),
        updated_at: "2019-08-06T02:41:08.029Z".to_owned(),
    }
}
