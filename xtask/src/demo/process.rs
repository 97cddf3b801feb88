//! The processes of the demo: the simulated HubSpot and `venn serve`.
use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{client::Client, figures::Figures, note};

/// The token that the simulated HubSpot accepts.
pub(crate) const CRM_TOKEN: &str = "pat-demo-5f0c2a";

/// The simulated HubSpot, in a process of its own.
pub(crate) struct Sim {
    child: Child,
    /// Where it serves the API over TLS.
    pub addr: String,
    /// Its control, which is not HubSpot's.
    pub control: Client,
    /// What a client must trust.
    pub ca: PathBuf,
}

impl Sim {
    pub(crate) fn start(program: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let ca = scratch.join("sim-ca.pem");
        let mut child = Command::new(program)
            .args(["hubspot", "--token", CRM_TOKEN, "--ca-out"])
            .arg(&ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let line = first_line(&mut child)?;
        let said: Value =
            serde_json::from_str(&line).context("the simulator's first line is not JSON")?;
        let addr = said["addr"].as_str().context("the simulator names no address")?.to_owned();
        let admin = said["admin_addr"].as_str().context("the simulator names no admin address")?;
        Ok(Self { child, addr, control: Client::new(&format!("http://{admin}"), None)?, ca })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `venn serve`, in a process of its own.
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    data: PathBuf,
    /// Where it answers.
    pub url: String,
}

impl Server {
    pub(crate) fn start(program: &Path, data: &Path, port: u16, sim: &Sim) -> anyhow::Result<Self> {
        let arguments = vec![
            "serve".to_owned(),
            "--listen".to_owned(),
            format!("127.0.0.1:{port}"),
            "--data".to_owned(),
            data.display().to_string(),
            "--override".to_owned(),
            format!("api.hubapi.com={}", sim.addr),
            "--override-ca".to_owned(),
            sim.ca.display().to_string(),
        ];
        let (child, url) = spawn(program, &arguments, None)?;
        note(&format!("venn serve answers at {url}, data in {}", data.display()));
        Ok(Self { child, program: program.to_owned(), arguments, data: data.to_owned(), url })
    }

    /// Stops the server and starts it again with a kill point armed, or none.
    pub(crate) fn restart(&mut self, crash_at: Option<&str>) -> anyhow::Result<()> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The same address again: a server that comes back is found where it was.
        if let Some(listen) = self.arguments.get_mut(2) {
            let address = self.url.trim_start_matches("http://").trim_end_matches('/');
            address.clone_into(listen);
        }
        let (child, url) = spawn(&self.program, &self.arguments, crash_at)?;
        self.child = child;
        self.url = url;
        Ok(())
    }

    /// Waits until the armed kill point has killed the server.
    pub(crate) fn wait_killed(&mut self) -> anyhow::Result<()> {
        let status = self.child.wait()?;
        note(&format!("the server ended with {status}"));
        Ok(())
    }

    /// The platform admin's first token.
    pub(crate) fn admin_token(&self) -> anyhow::Result<String> {
        let path = self.data.join("admin.token");
        let token =
            fs::read_to_string(&path).with_context(|| format!("no token in {}", path.display()))?;
        Ok(token.trim().to_owned())
    }

    /// A `venn` command against this server, as the holder of a token.
    pub(crate) fn venn(&self, token: &str, arguments: &[&str]) -> anyhow::Result<String> {
        note(&format!("$ venn {}", arguments.join(" ")));
        let output = Command::new(&self.program)
            .args(arguments)
            .env("VENN_SERVER", &self.url)
            .env("VENN_TOKEN", token)
            // Whoever publishes keeps a signing key: the demo's own, not the user's.
            .env("XDG_CONFIG_HOME", self.data.join("config"))
            .stderr(Stdio::inherit())
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("venn {} ended with {}\n{text}", arguments.join(" "), output.status);
        }
        Ok(text)
    }

    /// Prints where everything is, and waits until the person ends it.
    pub(crate) fn leave_up(&mut self, figures: &Figures) -> anyhow::Result<()> {
        eprintln!("\n== The server stays up. End with Ctrl-C.");
        note(&format!("URL      {}", self.url));
        note(&format!("data     {}", self.data.display()));
        for (who, token) in &figures.credentials {
            note(&format!("{who:<9} VENN_SERVER={} VENN_TOKEN={token}", self.url));
        }
        println!("{}", figures.json());
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    program: &Path,
    arguments: &[String],
    crash_at: Option<&str>,
) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args(["--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(point) = crash_at {
        command.env("VENN_CRASH_AT", point);
    }
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let line = first_line(&mut child)?;
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url.with_context(|| format!("the server names no URL: {line}"))?.to_owned();
    Ok((child, url))
}

fn first_line(child: &mut Child) -> anyhow::Result<String> {
    let stdout = child.stdout.take().context("no standard output")?;
    let mut reader = BufReader::new(stdout);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    // Keep reading, so that the process never blocks on a full pipe.
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    anyhow::ensure!(!line.trim().is_empty(), "the process ended before it was ready");
    Ok(line)
}
