//! The step `postgres` of CI: the stores' tests on a real PostgreSQL server, which is started for them and removed again.

mod server;

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use self::server::Server;
use crate::ci::Outcome;
use crate::{shell, workspace};

/// Runs the tests.
pub(crate) fn step() -> Result<Outcome> {
    if cfg!(not(unix)) {
        return missing("the step knows PostgreSQL on Unix alone");
    }
    let (programs, installed) = match find() {
        Some(programs) => (programs, false),
        None if is_there("apt-get") => {
            println!(
                "there is no PostgreSQL server here: installing the distribution's package `postgresql`"
            );
            install()?;
            (find().context("the package `postgresql` brought no server to /usr/lib/postgresql")?, true)
        }
        None => return missing(how_to_install()),
    };
    let version = shell::output(shell::command(programs.join("postgres")).arg("--version"))?;
    let server = Server::start(&programs)?;
    let tested = test(&server);
    let removed = server.remove();
    tested?;
    removed?;
    let note = if installed { ", whose package was installed for it" } else { "" };
    Ok(Outcome::Noted(format!("{}{note}; its data is removed", version.trim())))
}

fn test(server: &Server) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args([
        "test",
        "-p",
        "bedrock-llm-agent",
        "--features",
        "postgres,sqlite",
        "--test",
        "stores",
        "postgres",
    ]);
    cargo.env("BEDROCK_LLM_TEST_POSTGRES", server.url());
    cargo.env("BEDROCK_LLM_TEST_POSTGRES_AUTHORITY", server.authority());
    shell::run(&mut cargo)
}

/// In CI nothing is skipped for want of something.
fn missing(what: &str) -> Result<Outcome> {
    if workspace::in_ci() {
        bail!("{what}");
    }
    Ok(Outcome::Skipped(what.to_owned()))
}

fn how_to_install() -> &'static str {
    if cfg!(target_os = "macos") {
        "there is no PostgreSQL server: brew install postgresql@17"
    } else {
        "there is no PostgreSQL server: install your distribution's package (dnf install postgresql-server, \
         pacman -S postgresql, apk add postgresql)"
    }
}

/// The folder of the newest server's programs.
fn find() -> Option<PathBuf> {
    let on_path = env::var_os("PATH").unwrap_or_default();
    // Debian, the PostgreSQL project's RPMs, Homebrew on either kind of Mac
    let homes = ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];
    let installed = homes.iter().flat_map(|home| versions(Path::new(home)));
    env::split_paths(&on_path).chain(installed).find(|folder| has_server(folder))
}

/// The folders `bin` of versions that lie side by side, the newest first.
fn versions(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let number = |name: &str| -> Option<u32> {
        let digits = name.rsplit(['-', '@']).next()?.split('.').next()?;
        digits.parse().ok()
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path().join("bin"))))
        .collect();
    found.sort_by_key(|(number, _)| Reverse(*number));
    found.into_iter().map(|(_, folder)| folder).collect()
}

fn has_server(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file())
}

fn is_there(program: &str) -> bool {
    let on_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&on_path).any(|folder| folder.join(program).is_file())
}

fn install() -> Result<()> {
    for arguments in [["update"].as_slice(), &["install", "--yes", "--no-install-recommends", "postgresql"]] {
        let mut apt = if server::is_root()? {
            shell::command("apt-get")
        } else {
            let mut sudo = shell::command("sudo");
            // asks nobody for a password
            sudo.args(["--non-interactive", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        };
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(&mut apt).context("install the package `postgresql` by hand")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_versions_side_by_side_comes_first() {
        let home = workspace::target("xtask-tests/postgres");
        for name in ["9.6", "15", "pgsql-17", "postgresql@16", "share", "postgresql"] {
            fs::create_dir_all(home.join(name).join("bin")).unwrap();
        }
        let found: Vec<PathBuf> = versions(&home);
        let expected = ["pgsql-17", "postgresql@16", "15", "9.6"].map(|name| home.join(name).join("bin"));
        assert_eq!(found, expected);
        fs::remove_dir_all(&home).unwrap();
        assert!(versions(&home).is_empty());
    }
}
