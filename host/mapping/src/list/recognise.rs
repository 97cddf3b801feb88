//! Column names of CRMs that are recognised without a map.
//!
//! A file is recognised only if it has columns for id, name *and* website: a
//! file with just `Id` and `Name` could be a list of anything.
//!
//! To add a CRM: one `Known` in [`FORMATS`] with the names of its export, the
//! most specific first, and a variant of `ListFormat`.

use super::columns::{Layout, find, listed};
use super::problem::{Code, ListProblem};
use super::report::ListFormat;

/// The names that one CRM gives to each value; the first that is there counts.
struct Known {
    format: ListFormat,
    external_id: &'static [&'static str],
    name: &'static [&'static str],
    website: &'static [&'static str],
    stage: &'static [&'static str],
    owner: &'static [&'static str],
    amount: &'static [&'static str],
    created_on: &'static [&'static str],
}

const FORMATS: [Known; 2] = [
    Known {
        format: ListFormat::Hubspot,
        external_id: &["Record ID", "Record ID - Company", "Company ID"],
        name: &["Company name"],
        website: &["Company Domain Name", "Website URL"],
        stage: &["Lifecycle Stage"],
        owner: &["Company owner"],
        amount: &["Amount", "Total open deal value"],
        created_on: &["Create Date"],
    },
    Known {
        format: ListFormat::Salesforce,
        external_id: &["Id", "Account ID"],
        name: &["Name", "Account Name"],
        website: &["Website"],
        stage: &["Type", "Account Type"],
        owner: &["Owner.Name", "Account Owner", "Owner Name"],
        amount: &["Open_Opportunity_Amount", "Open_Opportunity_Amount__c", "Amount"],
        created_on: &["CreatedDate", "Created Date"],
    },
];

/// What to do with a file of any other format.
const NEXT_STEP: &str =
    "Pass a column map that says which column is the external id, the name and the website.";

pub(super) fn recognise(
    headers: &[String],
    line: u64,
) -> Result<(Layout, ListFormat), ListProblem> {
    let any = |names: &[&str]| -> Result<Option<usize>, ListProblem> {
        for name in names {
            if let Some(at) = find(headers, name, line)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    };
    for known in &FORMATS {
        let core = (any(known.external_id)?, any(known.name)?, any(known.website)?);
        if let (Some(external_id), Some(name), Some(website)) = core {
            let layout = Layout {
                external_id,
                name: Some(name),
                website: Some(website),
                stage: any(known.stage)?,
                owner: any(known.owner)?,
                amount: any(known.amount)?,
                created_on: any(known.created_on)?,
                extra: Vec::new(),
            };
            return Ok((layout, known.format));
        }
    }
    let reason = format!("the columns aren't those of a known CRM export: {}", listed(headers));
    Err(ListProblem::new(Code::UnrecognisedColumns, line, reason, NEXT_STEP))
}
