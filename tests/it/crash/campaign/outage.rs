//! An outage: for a whole minute the database is locked by somebody else, or gone with its
//! server, or no file may grow, as on a full disk. The server lives on, customers go on, and
//! it must serve them by itself afterwards.
use std::{process::Stdio, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::{process::Command, time};

use super::{Campaign, Process};
use crate::model::chance::Chance;

/// How often there is one, and how long it lasts.
pub struct Outages {
    /// After so many kills.
    pub every: u64,
    pub lasts: Duration,
}

pub const LARGE: Outages = Outages { every: 100, lasts: Duration::from_mins(1) };
pub const SMOKE: Outages = Outages { every: 6, lasts: Duration::from_secs(2) };

/// Customers begin anew so often.
const SHIFT: Duration = Duration::from_secs(1);

/// Where files end while none may grow: in the middle of what the log of a database is then.
const FULL_BYTES: usize = 512 << 10;

impl Campaign {
    /// The outage of this number, in a life of its own; what is stuck after it.
    pub async fn outage(&self, chance: &mut Chance, number: u64, lasts: Duration) -> Vec<String> {
        let mut command = self.scene.command();
        self.set_up(None)(&mut command);
        let mut process = Process::start(with_full_disks(&command)).await;
        let work = self.customers.work(&self.scene, process.url(), chance);
        time::sleep(SHIFT).await;
        work.end().await;
        // What is not recorded now runs again later.
        self.vendor.next_life();
        let over = time::Instant::now() + lasts;
        let is_shut = self.scene.data.shut(true);
        let is_full = !is_shut && number.is_multiple_of(2);
        let locked = (!is_shut && !is_full).then(|| self.scene.data.locked(lasts));
        if is_full {
            files_end(&process, Some(chance.below(FULL_BYTES) as u64));
        }
        while time::Instant::now() < over {
            let work = self.customers.work(&self.scene, process.url(), chance);
            time::sleep_until(over.min(time::Instant::now() + SHIFT)).await;
            work.end().await;
        }
        self.scene.data.shut(false);
        files_end(&process, None);
        if let Some(locked) = locked {
            locked.await.unwrap();
        }
        let stuck = self.customers.are_served(&self.scene, process.url()).await;
        process.child.kill().await.unwrap();
        self.vendor.next_life();
        stuck
    }
}

/// A file that may not grow is an error for it then, as on a full disk, and not a signal.
fn with_full_disks(command: &Command) -> Command {
    let plain = command.as_std();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// From now on none of its files grows beyond so many bytes; or as they like.
fn files_end(process: &Process, at: Option<u64>) {
    let pid = Pid::from_raw(process.child.id().unwrap().cast_signed());
    prlimit(pid, Resource::Fsize, Rlimit { current: at, maximum: None }).unwrap();
}
