//! What an import answered, held against the model of that moment.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    super::{look::same_rows, matrix::*, town::*},
    Ask, NOT_GRANTED, Named,
};

/// What a run was told of partners' accounts, for their audit.
#[derive(Default)]
pub struct Reads(BTreeMap<usize, (u64, BTreeSet<String>)>);

impl Town {
    /// Holds what an import answered against the model of that moment.
    pub(super) fn holds(
        &mut self,
        now: &Matrix,
        install: usize,
        ask: &Ask,
        told: &Value,
        reads: &mut Reads,
    ) -> Checked {
        self.figures.answers += 1;
        self.figures.wit_calls += 1;
        let checked = match Self::denial(now, install, ask) {
            Some(why) => denied(told, &why),
            None => self.answer(now, install, ask, told, reads),
        };
        checked.map_err(|wrong| {
            let name = &now.installs[install].id;
            format!("{name} of {} asks {ask:?}: {wrong}", self.orgs[now.installs[install].org][0])
        })
    }

    /// Why this is denied, if it is; empty where any reason will do.
    fn denial(now: &Matrix, install: usize, ask: &Ask) -> Option<String> {
        let lacks = |capability: &str| (!now.can(install, capability)).then(String::new);
        let granted = |fields: &[String]| {
            let powers = now.powers(install).fields;
            (!fields.iter().all(|field| powers.contains(field))).then(String::new)
        };
        let unread = |named: Named| match named {
            None => None,
            Some(None) => Some(NOT_GRANTED.to_owned()),
            Some(Some(at)) => now.reads(install, at).err().map(str::to_owned),
        };
        // A partition is written and read by whom it was granted, while both are partners.
        let apart = |named: Named| {
            let bond = |at: usize| now.partnerships[at].bond == Bond::Active;
            let open = match named {
                None => true,
                Some(None) => false,
                Some(Some(at)) => now.installs[install].partnerships.contains(&at) && bond(at),
            };
            (!open).then(|| NOT_GRANTED.to_owned())
        };
        match ask {
            Ask::Find { partnership, ours, fields, .. } => {
                let populations = &now.installs[install].populations;
                let foreign = !ours.iter().all(|key| populations.contains(key));
                lacks("overlaps:read")
                    .or_else(|| granted(fields))
                    .or_else(|| foreign.then(|| NOT_GRANTED.to_owned()))
                    .or_else(|| unread(*partnership))
            }
            Ask::Lookup { fields, .. } => lacks("overlaps:read").or_else(|| granted(fields)),
            Ask::Counts(partnership) | Ask::Changes { partnership, .. } => {
                lacks("overlaps:read").or_else(|| unread(*partnership))
            }
            Ask::StateSet { partition, .. }
            | Ask::StateGet { partition, .. }
            | Ask::StateRemove { partition, .. }
            | Ask::StateKeys(partition) => lacks("state").or_else(|| apart(*partition)),
            Ask::Append { partition, .. } => lacks("timeline:write").or_else(|| apart(*partition)),
            Ask::Upsert | Ask::Remove => lacks("accounts:write"),
            Ask::Send => {
                let open = now.powers(install).hosts.contains("echo.example");
                lacks("http:egress").or_else(|| (!open).then(String::new))
            }
            _ => None,
        }
    }

    /// An answer that was not denied.
    fn answer(
        &mut self,
        now: &Matrix,
        install: usize,
        ask: &Ask,
        told: &Value,
        reads: &mut Reads,
    ) -> Checked {
        let same = |made: Value| {
            if *told == made { Ok(()) } else { Err(format!("told {told}, made {made}")) }
        };
        match ask {
            Ask::Find { partnership, ours, theirs, fields, limit } => {
                let ours = |one: &Shown<'_>| ours.is_empty() || ours.contains(&one.ours.population);
                let fits = |one: &Shown<'_>| {
                    ours(one) && (theirs.is_empty() || theirs.contains(&one.theirs.population))
                };
                let page = Page { named: *partnership, fields, theirs, limit: *limit };
                self.page(now, install, &page, fits, told, reads)
            }
            Ask::Lookup { company, fields } => {
                let page = Page { named: None, fields, theirs: &[], limit: 1_000 };
                self.page(now, install, &page, |one| one.key.0 == *company, told, reads)
            }
            Ask::Counts(partnership) => self.counted(install, *partnership, told),
            Ask::Changes { partnership, cursor, limit } => {
                let at = partnership.flatten().expect("denied else");
                let strange = cursor.is_some_and(|cursor| {
                    let (of, about, _) = &self.cursors[cursor];
                    (*of, *about) != (install, at)
                });
                if strange {
                    let is_refused = told["error"]["kind"] == "invalid";
                    return if is_refused {
                        Ok(())
                    } else {
                        Err(format!("another's cursor: {told}"))
                    };
                }
                self.changed(now, (install, at), *limit, told, reads)
            }
            Ask::StateSet { partition, key, value } => {
                let place = (install, partition.flatten(), key.clone());
                self.state.insert(place, value.clone());
                same(json!({ "ok": null }))
            }
            Ask::StateRemove { partition, key } => {
                self.state.remove(&(install, partition.flatten(), key.clone()));
                same(json!({ "ok": null }))
            }
            Ask::Append { account, text, .. } => {
                // What is said of an account that is not the customer's goes nowhere.
                if now.accounts[now.installs[install].org].values().any(|own| own.id == *account) {
                    self.timeline.entry(account.clone()).or_default().insert(text.clone());
                }
                same(json!({ "ok": null }))
            }
            Ask::Log(_) => same(json!({ "ok": null })),
            Ask::StateGet { partition, key } => {
                let kept = self.kept(install, *partition, key);
                if told["ok"] == json!(kept) {
                    Ok(())
                } else {
                    Err(format!("kept {kept:?}, told {told}"))
                }
            }
            Ask::StateKeys(partition) => {
                let place = partition.flatten();
                let keys =
                    self.state.keys().filter(|(of, part, _)| (*of, *part) == (install, place));
                same(json!({ "ok": keys.map(|(_, _, key)| key).collect::<Vec<_>>() }))
            }
            Ask::Send if told["ok"]["status"] == 200 => Ok(()),
            Ask::Config => {
                let text = told["ok"].as_str().unwrap_or_default();
                let is_own = text.contains("\"number\"") && text.contains("config.get");
                if is_own { Ok(()) } else { Err(format!("a configuration: {told}")) }
            }
            Ask::Info => {
                let (id, plugin) = (&now.installs[install].id, now.installs[install].plugin);
                let is_own = told["ok"]["install"] == id.as_str()
                    && told["ok"]["plugin"] == now.plugins[plugin].name;
                if is_own { Ok(()) } else { Err(format!("who am I: {told}")) }
            }
            Ask::Event if told["kind"] == "configured" => Ok(()),
            Ask::LastDenial if told.get("ok").is_some() => Ok(()),
            _ => Err(format!("told {told}")),
        }
    }

    fn page(
        &mut self,
        now: &Matrix,
        install: usize,
        page: &Page<'_>,
        fits: impl Fn(&Shown<'_>) -> bool,
        told: &Value,
        reads: &mut Reads,
    ) -> Checked {
        let org = now.installs[install].org;
        let scope: Vec<usize> = match page.named {
            Some(at) => at.into_iter().collect(),
            None => now.installs[install].partnerships.iter().copied().collect(),
        };
        let Some(items) = told["ok"]["items"].as_array() else { return Err(told.to_string()) };
        let mut told_rows: BTreeMap<usize, BTreeMap<Key, Value>> = BTreeMap::new();
        for item in items {
            let (at, key) = Self::row_of(now, org, item)?;
            let row = self.without_times(at, key, item)?;
            reads.note(at, &row);
            if told_rows.entry(at).or_default().insert(key, row).is_some() {
                return Err(format!("told twice: {item}"));
            }
        }
        let (mut all, mut withheld) = (0, BTreeSet::new());
        let mut left_out = Vec::new();
        for at in &scope {
            let shown = now.shown(org, *at, Reader::Install(install));
            let shown: Vec<_> = shown.into_iter().filter(|one| fits(one)).collect();
            all += shown.len();
            let rows = told_rows.remove(at).unwrap_or_default();
            let mut made = BTreeMap::new();
            for one in &shown {
                // Of a page that is full any of them may be there.
                if rows.contains_key(&one.key) || items.len() < page.limit {
                    made.insert(one.key, self.as_plugins_see(now, install, one, page.fields));
                    withheld.extend(asked(now, install, page.fields).filter(|field| {
                        let theirs = field.strip_prefix("their-");
                        theirs.is_some_and(|field| !one.fields.contains(field))
                    }));
                }
            }
            same_rows(&now.partnerships[*at].id, &rows, &made)?;
            let active = now.partnerships[*at].bond == Bond::Active;
            if active && now.leaves_out(install, *at, page.theirs) {
                let sides = now.partnerships[*at].sides;
                let partner = if sides[0] == org { sides[1] } else { sides[0] };
                left_out.push(self.orgs[partner][2].clone());
            }
        }
        if !told_rows.is_empty() || items.len() != all.min(page.limit) {
            return Err(format!("{} rows of {all}, and of elsewhere {told_rows:?}", items.len()));
        }
        let told_texts = |name: &str| -> Vec<String> {
            let texts = told["ok"][name].as_array().into_iter().flatten();
            let mut texts: Vec<_> = texts.map(|one| one.as_str().unwrap().to_owned()).collect();
            texts.sort();
            texts
        };
        left_out.sort();
        let made = (withheld.into_iter().collect::<Vec<String>>(), left_out);
        let texts = (told_texts("withheld"), told_texts("withheld-partners"));
        if texts == made { Ok(()) } else { Err(format!("withheld: told {texts:?}, made {made:?}")) }
    }

    fn counted(&mut self, install: usize, named: Named, told: &Value) -> Checked {
        let org = self.matrix.installs[install].org;
        let scope: Vec<usize> = match named {
            Some(at) => at.into_iter().collect(),
            None => self.matrix.installs[install].partnerships.iter().copied().collect(),
        };
        let mut made = BTreeMap::new();
        for at in scope {
            if self.matrix.reads(install, at).is_ok() {
                let id = self.matrix.partnerships[at].id.clone();
                let counts = self.matrix.counts(org, at, Reader::Install(install));
                made.extend(counts.into_iter().map(|([ours, theirs], count)| {
                    ([id.clone(), ours.to_owned(), theirs.to_owned()], count)
                }));
            }
        }
        let Some(cells) = told["ok"].as_array() else { return Err(told.to_string()) };
        let told = cells.iter().map(|cell| {
            let names = ["partnership", "our-population", "their-population"];
            let count = (cell["suppressed"] == false).then(|| cell["count"].as_u64().unwrap());
            (names.map(|name| cell[name].as_str().unwrap().to_owned()), count)
        });
        let told: BTreeMap<_, _> = told.collect();
        if told == made { Ok(()) } else { Err(format!("told {told:?}, made {made:?}")) }
    }

    /// Changes are of rows that are shown now, as they are now; of what is gone there are ids only.
    fn changed(
        &mut self,
        now: &Matrix,
        (install, at): (usize, usize),
        limit: usize,
        told: &Value,
        reads: &mut Reads,
    ) -> Checked {
        let org = now.installs[install].org;
        let side = now.side(at, org).unwrap();
        let Some(items) = told["ok"]["items"].as_array() else { return Err(told.to_string()) };
        if items.len() > limit {
            return Err(format!("{} changes, {limit} were asked for", items.len()));
        }
        for change in items {
            let overlap = &change["overlap"];
            if overlap["partnership"] != now.partnerships[at].id.as_str() {
                return Err(format!("of another partnership: {overlap}"));
            }
            if change["kind"] == "removed" {
                let values = ["name", "website", "owner", "stage", "amount", "created-on"];
                let empty = values.iter().flat_map(|f| [format!("our-{f}"), format!("their-{f}")]);
                let is_empty = empty.into_iter().all(|name| overlap[name] == "")
                    && overlap["extra"] == json!([])
                    && overlap["evidence"] == "";
                let theirs = overlap["their-population"].as_str().unwrap();
                let ours = overlap["our-population"].as_str().unwrap();
                let rule = now.partnerships[at].rules[1 - side].get(theirs);
                let readable = rule.is_some_and(|rule| {
                    rule.level >= Level::Overlaps && now.is_for(rule, Reader::Install(install))
                });
                let granted = now.installs[install].populations.contains(ours);
                if !is_empty || !readable || !granted {
                    return Err(format!("of what is gone: {overlap}"));
                }
                reads.note(at, overlap);
                continue;
            }
            let (_, key) = Self::row_of(now, org, overlap)?;
            let row = self.without_times(at, key, overlap)?;
            let shown = now.shown(org, at, Reader::Install(install));
            let Some(one) = shown.iter().find(|one| one.key == key) else {
                return Err(format!("{key:?} is outside the model: {overlap}"));
            };
            let made = self.as_plugins_see(now, install, one, &[]);
            if row != made {
                return Err(format!("{key:?}: told {row}, made {made}"));
            }
            reads.note(at, &row);
        }
        let cursor = told["ok"]["cursor"].as_str().unwrap().to_owned();
        // The newest ones are the most telling.
        if self.cursors.len() > 200 {
            self.cursors.clear();
        } else {
            self.cursors.push((install, at, cursor));
        }
        Ok(())
    }

    /// Which overlap a row is of.
    fn row_of(now: &Matrix, org: usize, row: &Value) -> Result<(usize, Key), String> {
        let at = now.partnerships.iter().position(|one| row["partnership"] == one.id.as_str());
        let ours = now.accounts[org].iter().find(|(_, one)| row["our-account"] == one.id.as_str());
        match (at, ours) {
            (Some(at), Some((key, _))) => Ok((at, *key)),
            _ => Err(format!("neither a partnership nor an account of ours: {row}")),
        }
    }

    /// A row without what the model does not have: its id, which is learnt, and its time.
    fn without_times(&mut self, at: usize, key: Key, row: &Value) -> Result<Value, String> {
        let mut row = row.clone();
        let members = row.as_object_mut().unwrap();
        let id = members.remove("id").unwrap().as_str().unwrap().to_owned();
        members.remove("paired-at");
        let known = self.overlap_ids.insert((at, key), id.clone());
        match known.filter(|known| *known != id) {
            Some(known) => Err(format!("the id of an overlap was {known}, and is {id}")),
            None => Ok(row),
        }
    }

    /// An overlap as an install sees it that asks for these fields, none for all.
    fn as_plugins_see(
        &self,
        now: &Matrix,
        install: usize,
        one: &Shown<'_>,
        fields: &[String],
    ) -> Value {
        let org = now.installs[install].org;
        let one_of = &now.partnerships[one.partnership];
        let partner = one_of.sides[1 - now.side(one.partnership, org).unwrap()];
        let asked: BTreeSet<String> = asked(now, install, fields).collect();
        let mut row = json!({
            "partnership": one_of.id, "partner": self.orgs[partner][2],
            "domain": format!("firm-{}.com", one.key.0), "evidence": "host", "confidence": "likely",
            "our-account": one.ours.id, "our-population": one.ours.population,
            "their-account": one.theirs.id, "their-population": one.theirs.population,
        });
        let mut extra = Vec::new();
        for (whose, account) in [("our", one.ours), ("their", one.theirs)] {
            for field in FIELDS {
                let name = format!("{whose}-{field}");
                let shared = whose == "our" || one.fields.contains(field);
                let value = account.values.get(field).filter(|_| shared && asked.contains(&name));
                match (field, value) {
                    ("Tier", Some(value)) => extra.push(json!({ "name": name, "value": value })),
                    ("Tier", None) => {}
                    (_, value) => row[name] = json!(value.map_or("", String::as_str)),
                }
            }
        }
        row["extra"] = json!(extra);
        row
    }

    // ── What stays ──────────────────────────────────────────────────────────

    fn kept(&self, install: usize, partition: Named, key: &str) -> Option<&String> {
        self.state.get(&(install, partition.flatten(), key.to_owned()))
    }

    /// The data owners' audits have what the run was told, by which plugin, and which fields.
    pub async fn is_in_the_audit(&mut self, install: usize, run: &Value, reads: &Reads) -> Checked {
        let org = self.matrix.installs[install].org;
        let id = self.matrix.installs[install].id.clone();
        for (at, (rows, fields)) in &reads.0 {
            let sides = self.matrix.partnerships[*at].sides;
            let owner = if sides[0] == org { sides[1] } else { sides[0] };
            let path = self.at(owner, &format!("audit?action=partner.read&actor={id}&limit=20"));
            let page = self.call(owner, "GET", &path, None).await;
            self.expect("audit", Answer::Yes, &page)?;
            let subject = self.matrix.partnerships[*at].id.as_str();
            let entry =
                page.body["items"].as_array().unwrap().iter().find(|entry| {
                    entry["detail"]["run"] == run["id"] && entry["subject"] == subject
                });
            let Some(entry) = entry else {
                return Err(format!("no audit of {run}: {}", page.text));
            };
            let mut told: Vec<_> =
                entry["detail"]["fields"].as_array().into_iter().flatten().collect();
            told.sort_by_key(ToString::to_string);
            let mut made: Vec<Value> = fields.iter().map(|field| json!(field)).collect();
            made.sort_by_key(Value::to_string);
            if entry["detail"]["rows"] != *rows || told != made.iter().collect::<Vec<_>>() {
                return Err(format!(
                    "the audit has {entry}, and {rows} rows of {fields:?} were read"
                ));
            }
        }
        Ok(())
    }
}

/// What a page was asked for.
struct Page<'a> {
    named: Named,
    fields: &'a [String],
    theirs: &'a [&'static str],
    limit: usize,
}

impl Reads {
    fn note(&mut self, partnership: usize, row: &Value) {
        let (rows, fields) = self.0.entry(partnership).or_default();
        *rows += 1;
        for field in FIELDS {
            let name = format!("their-{field}");
            let core = row[&name].as_str().is_some_and(|value| !value.is_empty());
            let mut extra = row["extra"].as_array().into_iter().flatten();
            if core || extra.any(|one| one["name"] == name.as_str()) {
                fields.insert(field.to_owned());
            }
        }
    }
}

/// The fields that are asked for; none is all that may be had.
fn asked(now: &Matrix, install: usize, fields: &[String]) -> impl Iterator<Item = String> {
    let all = now.powers(install).fields;
    let asked: Vec<String> =
        if fields.is_empty() { all.into_iter().collect() } else { fields.to_vec() };
    asked.into_iter()
}

fn denied(told: &Value, why: &str) -> Checked {
    let reason = told["denied"]["why"].as_str();
    match reason {
        Some(reason) if why.is_empty() || reason == why => Ok(()),
        _ => Err(format!("expected a denial {why:?}, told {told}")),
    }
}
