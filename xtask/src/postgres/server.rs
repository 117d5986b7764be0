//! A PostgreSQL server of our own: in a folder of its own, on a free port, run by a user who is not root.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// How long it may take to start. On a busy machine it takes seconds.
const START: Duration = Duration::from_secs(120);

/// What openssl is to certify: the server itself, for the address it listens on.
const CERTIFICATE: &str = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n\
    [name]\nCN = localhost\n\
    [extensions]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n";

/// A server that runs. It is stopped and its folder removed when it is dropped, whatever happened.
pub(super) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    password: String,
    port: u16,
    child: Option<Child>,
}

/// Who runs the server where we are root, which PostgreSQL refuses to be run by.
#[derive(Debug, Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Server {
    pub(super) fn start(programs: &Path) -> Result<Self> {
        let user = if is_root()? { Some(User::unprivileged()?) } else { None };
        let random = RandomState::new().build_hasher().finish();
        let mut server = Self {
            programs: programs.to_owned(),
            folder: std::env::temp_dir().join(format!("bedrock-llm-postgres-{random:016x}")),
            user,
            password: format!("{:016x}", RandomState::new().build_hasher().finish()),
            port: 0,
            child: None,
        };
        fs::create_dir(&server.folder)?;
        server.own(&server.folder)?;
        server.write("password", &server.password)?;
        server.write("certificate.conf", CERTIFICATE)?;
        server.make_data()?;
        // another program may take the port before the server does
        for attempt in 1.. {
            match server.try_start() {
                Ok(()) => break,
                Err(error) if attempt == 3 => return Err(error),
                Err(error) => eprintln!("{error:#}; trying again on another port"),
            }
        }
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://tests:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// The file with the certificate to trust.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("certificate.pem")
    }

    /// Stops it and removes its folder.
    pub(super) fn remove(mut self) -> Result<()> {
        self.stop()?;
        fs::remove_dir_all(&self.folder).with_context(|| format!("{} is not removed", self.folder.display()))
    }

    fn make_data(&self) -> Result<()> {
        let mut initdb = self.program("initdb");
        initdb.args(["--username=tests", "--auth=scram-sha-256", "--pwfile=password"]);
        initdb.args(["--locale=C", "--encoding=UTF8", "--no-sync", "--pgdata=data"]);
        shell::run(initdb.stdout(Stdio::null()))?;
        let mut openssl = self.as_user("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        openssl.args(["-config", "certificate.conf", "-keyout", "key.pem", "-out", "certificate.pem"]);
        shell::run(openssl.stderr(Stdio::null())).context("openssl makes the server's certificate")
    }

    fn try_start(&mut self) -> Result<()> {
        self.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(self.folder.join("log"))?;
        let mut postgres = self.program("postgres");
        postgres.args(["-D", "data", "-p", &self.port.to_string()]);
        let folder = self.folder.display();
        // tests of ours need no safety from a loss of power
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={folder}/certificate.pem"),
            format!("ssl_key_file={folder}/key.pem"),
        ] {
            postgres.args(["-c", &setting]);
        }
        postgres.stdout(Stdio::null()).stderr(log);
        shell::say(&postgres);
        let mut child = postgres.spawn().context("cannot start `postgres`")?;
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("database system is ready to accept connections") {
                self.child = Some(child);
                return Ok(());
            }
            if let Some(status) = child.try_wait()? {
                bail!("the PostgreSQL server did not start ({status}):\n{log}");
            }
            if start.elapsed() > START {
                self.child = Some(child);
                self.stop()?;
                bail!("the PostgreSQL server was not ready after {} seconds:\n{log}", START.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let mut stop = self.program("pg_ctl");
        let asked =
            shell::run(stop.args(["stop", "--mode=immediate", "--wait", "--silent", "--pgdata=data"]));
        if asked.is_err() {
            child.kill()?;
        }
        child.wait()?;
        asked
    }

    /// A program of the server's, run by who runs the server, in its folder.
    fn program(&self, name: &str) -> Command {
        self.as_user(self.programs.join(name))
    }

    fn as_user(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = shell::command(program);
        // its log is read
        command.current_dir(&self.folder).env("LC_ALL", "C");
        #[cfg(unix)]
        if let Some(User { id, group }) = self.user {
            use std::os::unix::process::CommandExt as _;
            command.uid(id).gid(group);
        }
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        self.own(&path)
    }

    /// Gives a file to who runs the server, and to nobody else.
    fn own(&self, path: &Path) -> Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt as _, chown};
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
            if let Some(User { id, group }) = self.user {
                chown(path, Some(id), Some(group))?;
            }
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("the PostgreSQL server: {error:#}");
        }
        // gone already where `remove` was called
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl User {
    /// The user that the package made for its servers, or else nobody.
    fn unprivileged() -> Result<Self> {
        let ask = |option: &str, name: &str| -> Result<u32> {
            Ok(shell::output(shell::command("id").args([option, name]))?.trim().parse()?)
        };
        let of = |name: &str| Ok::<_, anyhow::Error>(Self { id: ask("-u", name)?, group: ask("-g", name)? });
        of("postgres").or_else(|_| of("nobody"))
    }
}

pub(super) fn is_root() -> Result<bool> {
    Ok(shell::output(shell::command("id").arg("-u"))?.trim() == "0")
}
