//! `cargo xtask clients`: boto3, which knows nothing of us, against `bedrock-llm local`: first a program that uses
//! it as people do, then the counter-example of every rule, which it must hear refused.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::ci::Outcome;
use crate::{shell, workspace};

/// The client and the version of it that we answer for.
const PACKAGES: &[&str] = &["boto3==1.44.5"];

/// Checks that may fail until the issues that bring them.
const LATER: &[&str] = &["signature"];

/// Run boto3 against the local endpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Runs the program and judges its lines.
    pub(crate) fn run(self) -> Result<()> {
        if let Outcome::Skipped(why) = step()? {
            println!("skipped: {why}");
        }
        Ok(())
    }
}

/// A step of CI.
pub(crate) fn step() -> Result<Outcome> {
    let program = workspace::clients().join("boto3_client.py");
    if !program.is_file() {
        let missing = format!("{} is missing (set BEDROCK_LLM_CLIENTS to its folder)", program.display());
        ensure!(!workspace::in_ci(), missing);
        return Ok(Outcome::Skipped(missing));
    }
    let python = python()?;
    let examples = workspace::root().join("crates/bedrock-llm-local/tests/boto3/counter_examples.py");
    let data = workspace::root().join("crates/bedrock-llm-schema/tests/data/counter_examples.json");
    let catalog = workspace::target("counter_examples.toml");
    let examples = |option: &str, value: &OsStr| {
        let mut client = shell::command(&python);
        client.arg("-u").arg(&examples).arg("--examples").arg(&data).arg(option).arg(value);
        client
    };
    shell::run(&mut examples("--write-catalog", catalog.as_ref()))?;
    let server =
        Server::start(shell::command(build()?).args(["local", "--port", "0", "--catalog"]).arg(&catalog))?;
    let mut checks = Checks::default();
    let mut client = shell::command(&python);
    checks.run(client.arg("-u").arg(&program).args(["--endpoint", &server.url]))?;
    checks.run(&mut examples("--endpoint", server.url.as_ref()))?;
    drop(server);
    checks.judge()
}

/// The Python of a virtual environment that has the packages.
fn python() -> Result<PathBuf> {
    let home = workspace::target("clients-venv");
    let python = if cfg!(windows) { home.join("Scripts/python.exe") } else { home.join("bin/python") };
    let stamp = home.join("packages");
    let wanted = PACKAGES.join("\n");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut venv = shell::command(if cfg!(windows) { "python" } else { "python3" });
    shell::run(venv.args(["-m", "venv", "--clear"]).arg(&home))
        .context("no virtual environment: install Python 3 with its venv module (Debian: apt-get install python3-venv)")?;
    let mut pip = shell::command(&python);
    shell::run(pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES))?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

/// `bedrock-llm local` on a free port, ended when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Long enough for a slow machine to start a program that is already built.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        shell::say(command);
        let mut child = command.spawn().context("cannot start `bedrock-llm local`")?;
        let stdout = child.stdout.take();
        let mut server = Self { child, url: String::new() };
        let stdout = stdout.context("`bedrock-llm local` has no stdout")?;

        let (said, heard) = mpsc::channel();
        // reads to the end, so that the server never waits for someone to listen
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match endpoint(&line) {
                    Some(url) => drop(said.send(url.to_owned())),
                    None => println!("  local | {line}"),
                }
            }
        });
        match heard.recv_timeout(Self::PATIENCE) {
            Ok(url) => server.url = url,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = server.child.wait()?;
                bail!("`bedrock-llm local` ended before it listened ({status})");
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!("`bedrock-llm local` did not say `listening on http://…` within {:?}", Self::PATIENCE)
            }
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended already; either way it is gone after this
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the command and returns where cargo put it.
fn build() -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "-p", "bedrock-llm-cli", "--message-format", "json-render-diagnostics"]);
    executable(&shell::output(&mut cargo)?).context("cargo built no program `bedrock-llm`")
}

/// The path of the program `bedrock-llm` among cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let paths = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    paths.into_iter().find(|path| path.file_stem() == Some("bedrock-llm".as_ref()))
}

/// The URL of the line that says the server is ready.
fn endpoint(line: &str) -> Option<&str> {
    let (_, url) = line.split_once("listening on ")?;
    url.split_whitespace().next().filter(|url| url.starts_with("http://"))
}

/// What the clients' lines say.
#[derive(Debug, Default)]
struct Checks {
    passed: Vec<String>,
    failed: Vec<String>,
    /// Checks of the programs that ended with their closing line.
    closed: usize,
}

impl Checks {
    /// Runs a program and takes its lines.
    fn run(&mut self, client: &mut Command) -> Result<()> {
        let status = shell::lines(client, |line| {
            println!("  | {line}");
            self.add(line);
        })?;
        if self.closed != self.passed.len() + self.failed.len() {
            shell::check(client, status)?;
            bail!("{client:?} ended without its closing line");
        }
        Ok(())
    }

    /// Takes `ok    name`, `FAIL  name: why` and the closing `N passed, N failed`.
    fn add(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("ok ") {
            self.passed.push(name.trim().to_owned());
        } else if let Some(rest) = line.strip_prefix("FAIL ") {
            self.failed.push(rest.split(':').next().unwrap_or(rest).trim().to_owned());
        } else if let Some((passed, failed)) =
            line.strip_suffix(" failed").and_then(|line| line.split_once(" passed, "))
        {
            let count = |text: &str| text.parse::<usize>().unwrap_or_default();
            self.closed += count(passed) + count(failed);
        }
    }

    fn judge(&self) -> Result<Outcome> {
        let is_later = |name: &&String| LATER.contains(&name.as_str());
        let broken: Vec<_> = self.failed.iter().filter(|name| !is_later(name)).map(String::as_str).collect();
        if !broken.is_empty() {
            bail!("boto3 finds fault with: {}", broken.join(", "));
        }
        ensure!(!self.passed.is_empty(), "boto3 checked nothing");
        let later: Vec<_> = self.failed.iter().filter(is_later).map(String::as_str).collect();
        let note = if later.is_empty() { String::new() } else { format!(", later: {}", later.join(", ")) };
        let note = format!("{} passed{note}", self.passed.len());
        println!("{note}");
        Ok(Outcome::Noted(note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(lines: &str) -> Checks {
        let mut checks = Checks::default();
        lines.lines().for_each(|line| checks.add(line));
        checks
    }

    #[test]
    fn only_what_comes_later_may_fail() {
        let later = checks(
            "ok    converse_text\nFAIL  signature: AssertionError: 200\nTraceback: FAIL\n1 passed, 1 failed\n",
        );
        assert_eq!(later.closed, 2);
        assert!(
            matches!(later.judge().unwrap(), Outcome::Noted(note) if note == "1 passed, later: signature")
        );
        let broken = checks(
            "ok    rerank\nFAIL  stream_text: AssertionError: []\nFAIL  signature: x\n1 passed, 2 failed\n",
        );
        assert_eq!(broken.judge().unwrap_err().to_string(), "boto3 finds fault with: stream_text");
        assert!(
            checks("0 passed, 0 failed").judge().is_err(),
            "a program that checks nothing proves nothing"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_run_cut_short_is_an_error() {
        let run = |lines: &str| {
            Checks::default().run(Command::new("sh").args(["-c", &format!("printf '{lines}'")]))
        };
        assert!(run("ok    converse_text\\n1 passed, 0 failed\\n").is_ok());
        for cut in ["ok    converse_text\\n", "ok    converse_text\\n2 passed, 0 failed\\n"] {
            assert!(run(cut).unwrap_err().to_string().contains("closing line"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_server_is_up_until_dropped() {
        let script = "echo starting; echo listening on http://127.0.0.1:1; exec sleep 60";
        let server = Server::start(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(server.url, "http://127.0.0.1:1");
        let alive = |id: u32| Command::new("kill").args(["-0", &id.to_string()]).status().unwrap().success();
        let id = server.child.id();
        assert!(alive(id));
        drop(server);
        assert!(!alive(id));
        let error = Server::start(Command::new("sh").args(["-c", "exit 7"])).err().unwrap().to_string();
        assert!(error.contains("ended before it listened"), "{error}");
    }

    #[test]
    fn finds_the_endpoint_and_the_program() {
        assert_eq!(endpoint("listening on http://127.0.0.1:4321"), Some("http://127.0.0.1:4321"));
        assert_eq!(endpoint("listening on nothing"), None);
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot json\n{\"executable\":\"/t/debug/bedrock-llm\"}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/bedrock-llm")));
    }
}
