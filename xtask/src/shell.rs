//! External commands: printed before they run, and loud about which one failed.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The cargo that runs this task, in the workspace's root.
pub(crate) fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A command in the workspace's root, without what `cargo run` told us of our own package: build scripts that
/// watch those variables would run anew whenever cargo is called by us and by hand in turn.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    for (name, _) in env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(command);
    let status = command.status().with_context(|| cannot_start(command))?;
    check(command, status)
}

/// Runs a command and returns what it wrote to stdout; its stderr goes where ours goes.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    say(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote no UTF-8", name(command)))
}

/// Runs a command, handing on each line of its stdout while it runs; the caller judges the status.
pub(crate) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
    say(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line)? > 0 {
            each(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            line.clear();
        }
    }
    Ok(child.wait()?)
}

/// Fails with the command's name when it did not succeed.
pub(crate) fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", name(command));
    }
    Ok(())
}

/// Prints a command as one would type it.
pub(crate) fn say(command: &Command) {
    eprintln!("$ {}", show(command));
}

/// The command as one would type it, with the variables it sets.
pub(crate) fn show(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}={}", name.to_string_lossy(), quoted(value)))
    });
    let program = std::iter::once(program(command));
    let arguments = command.get_args().map(quoted);
    set.chain(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// The program and its first argument: enough to know it by.
fn name(command: &Command) -> String {
    let first = command.get_args().next().map(|first| format!(" {}", quoted(first)));
    program(command) + &first.unwrap_or_default()
}

fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_one_would_type() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["doc", "--no-deps", ""]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(show(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps ''");
        assert_eq!(name(&command), "cargo doc");
    }

    #[test]
    fn names_the_command_that_fails() {
        let error = run(Command::new("false").arg("x")).unwrap_err().to_string();
        assert!(error.starts_with("`false x` failed"), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program`");
    }

    #[test]
    fn hands_on_lines_and_the_status() {
        let mut seen = Vec::new();
        let status = lines(Command::new("sh").args(["-c", "printf 'a\\nb'; exit 3"]), |line| {
            seen.push(line.to_owned());
        });
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(seen, ["a", "b"]);
    }
}
