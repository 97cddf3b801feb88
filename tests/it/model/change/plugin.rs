//! Changes around plugins: installs, what they were granted, what was approved.
use serde_json::{Value, json};

use super::super::{chance::Chance, matrix::*, town::*};

/// Most installs of a world.
const INSTALLS: usize = 14;

impl Town {
    pub async fn install_as(
        &mut self,
        chance: &mut Chance,
        org: usize,
        token: usize,
        plugin: usize,
    ) -> Checked {
        if self.matrix.installs.len() >= INSTALLS || self.matrix.plugins[plugin].suspended {
            return Ok(());
        }
        let install = self.draft(chance, org, plugin);
        let name = format!("n{}", self.matrix.installs.len());
        let body = json!({ "plugin": self.matrix.plugins[plugin].name, "name": name,
            "grant": self.grant_as_sent(&install), "config": {}, "connections": {} });
        let wanted = self.matrix.may(&self.matrix.tokens[token], "installs", ADMIN, org);
        let installs = self.at(org, "installs");
        let made = self.call(token, "POST", &installs, Some(&body)).await;
        self.expect("install", wanted, &made)?;
        if wanted != Answer::Yes {
            return Ok(());
        }
        let id = made.body["id"].as_str().unwrap().to_owned();
        let path = format!("{installs}/{id}/enable");
        let enabled = self.call(token, "POST", &path, None).await;
        self.expect("enable", Answer::Yes, &enabled)?;
        self.own("install", org, &id);
        self.matrix.installs.push(Install { id, ..install });
        Ok(())
    }

    /// A consent that the platform's ceiling has room for.
    fn draft(&self, chance: &mut Chance, org: usize, plugin: usize) -> Install {
        let Powers { capabilities, fields, hosts } = self.matrix.plugins[plugin].approved.clone();
        let fields: Vec<_> = fields.into_iter().collect();
        let ours = self.matrix.partnerships.iter().enumerate();
        let ours = ours.filter(|(_, one)| one.bond == Bond::Active && one.sides.contains(&org));
        let ours: Vec<_> = ours.map(|(at, _)| at).collect();
        let capabilities: Vec<_> = capabilities.into_iter().collect();
        let hosts: Vec<_> = hosts.into_iter().collect();
        Install {
            id: String::new(),
            org,
            plugin,
            standing: Standing::Active,
            powers: Powers {
                capabilities: chance.some(88, &capabilities),
                fields: chance.some(70, &fields),
                hosts: chance.some(70, &hosts),
            },
            partnerships: chance.some(80, &ours),
            populations: chance.some(80, &POPULATIONS),
        }
    }

    fn grant_as_sent(&self, install: &Install) -> Value {
        let id = |at: &usize| self.matrix.partnerships[*at].id.clone();
        json!({
            "capabilities": install.powers.capabilities, "fields": install.powers.fields,
            "egress_hosts": install.powers.hosts, "populations": install.populations,
            "partnerships": install.partnerships.iter().map(id).collect::<Vec<_>>(),
        })
    }

    /// An install, and whether an organization that is not its own tries.
    pub fn some_install(&self, chance: &mut Chance) -> Option<(usize, usize)> {
        let install = chance.any(0..self.matrix.installs.len())?;
        let own = self.matrix.installs[install].org;
        let org = if chance.percent(90) { own } else { chance.below(CUSTOMERS.len()) };
        Some((install, org))
    }

    /// How a change of an install is answered.
    fn may_change(&self, token: usize, org: usize, install: usize, fits: &[Standing]) -> Answer {
        let Install { org: own, standing, .. } = self.matrix.installs[install];
        match self.matrix.may(&self.matrix.tokens[token], "installs", ADMIN, org) {
            Answer::Yes if own != org => Answer::NotThere,
            Answer::Yes if !fits.contains(&standing) => Answer::WrongState,
            other => other,
        }
    }

    pub async fn grant(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let Install { id, org: own, plugin, .. } = self.matrix.installs[install].clone();
        let draft = self.draft(chance, own, plugin);
        let fits = [Standing::Active, Standing::Paused];
        let wanted = self.may_change(token, org, install, &fits);
        let path = self.at(org, &format!("installs/{id}/grant"));
        let reply = self.call(token, "PUT", &path, Some(&self.grant_as_sent(&draft))).await;
        self.expect("grant", wanted, &reply)?;
        if wanted == Answer::Yes {
            let now = &mut self.matrix.installs[install];
            now.powers = draft.powers;
            now.partnerships = draft.partnerships;
            now.populations = draft.populations;
            // What it derived of a partnership goes with the grant of it.
            let kept = &now.partnerships;
            self.state.retain(|(one, of, _), _| {
                *one != install || of.is_none_or(|partnership| kept.contains(&partnership))
            });
        }
        Ok(())
    }

    pub async fn pause_or_resume(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let standing = self.matrix.installs[install].standing;
        // Not what it is already, so that few calls are for nothing.
        let (step, from, to) = match standing {
            Standing::Active => ("pause", Standing::Active, Standing::Paused),
            _ => ("resume", Standing::Paused, Standing::Active),
        };
        let wanted = self.may_change(token, org, install, &[from]);
        let id = self.matrix.installs[install].id.clone();
        let path = self.at(org, &format!("installs/{id}/{step}"));
        let reply = self.call(token, "POST", &path, None).await;
        self.expect(step, wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.installs[install].standing = to;
        }
        Ok(())
    }

    pub async fn uninstall(&mut self, chance: &mut Chance) -> Checked {
        let Some((install, org)) = self.some_install(chance) else { return Ok(()) };
        let token = self.caller(chance, org);
        let fits = [Standing::Active, Standing::Paused];
        let wanted = self.may_change(token, org, install, &fits);
        let id = self.matrix.installs[install].id.clone();
        let path = self.at(org, &format!("installs/{id}"));
        let reply = self.call(token, "DELETE", &path, None).await;
        self.expect("uninstall", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.installs[install].standing = Standing::Gone;
            self.matrix.installs[install].partnerships.clear();
            self.state.retain(|(of, _, _), _| *of != install);
        }
        Ok(())
    }

    // ── The platform ────────────────────────────────────────────────────────

    /// How something that only the platform's admins may is answered.
    fn may_review(&self, token: usize) -> Answer {
        let token = &self.matrix.tokens[token];
        self.matrix.may(token, "review", OWNER, PLATFORM)
    }

    pub async fn approve(&mut self, chance: &mut Chance) -> Checked {
        let plugin = chance.below(2);
        let Powers { capabilities, fields, hosts } = self.matrix.plugins[plugin].asks.clone();
        let (capabilities, fields, hosts): (Vec<_>, Vec<_>, Vec<_>) = (
            capabilities.into_iter().collect(),
            fields.into_iter().collect(),
            hosts.into_iter().collect(),
        );
        let approved = Powers {
            capabilities: chance.some(93, &capabilities),
            fields: chance.some(90, &fields),
            hosts: chance.some(80, &hosts),
        };
        let token = self.caller(chance, PLATFORM);
        let wanted = self.may_review(token);
        let path = format!("/v1/review/plugins/{}/approval", self.matrix.plugins[plugin].name);
        let reply = self.call(token, "PUT", &path, Some(&ceiling(&approved))).await;
        self.expect("approval", wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.plugins[plugin].approved = approved;
        }
        Ok(())
    }

    pub async fn suspend_or_resume(&mut self, chance: &mut Chance) -> Checked {
        let plugin = chance.below(2);
        let suspended = self.matrix.plugins[plugin].suspended;
        let step = if suspended { "resume" } else { "suspend" };
        let body = (!suspended).then(|| json!({ "reason": "Looked at." }));
        let token = self.caller(chance, PLATFORM);
        let wanted = self.may_review(token);
        let path = format!("/v1/review/plugins/{}/{step}", self.matrix.plugins[plugin].name);
        let reply = self.call(token, "POST", &path, body.as_ref()).await;
        self.expect(step, wanted, &reply)?;
        if wanted == Answer::Yes {
            self.matrix.plugins[plugin].suspended = !suspended;
        }
        Ok(())
    }
}
