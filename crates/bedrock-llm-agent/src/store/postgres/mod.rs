//! Sessions in a PostgreSQL database.

mod read;
mod schema;
mod tls;
mod write;

use std::fmt;
use std::time::{Duration, SystemTime};

use deadpool_postgres::{Client, Manager, Pool, Runtime};
use futures_util::future::BoxFuture;

use super::rows::{COMPRESS_OVER, Failure};
use super::{Retention, Session, SessionInfo, StateStore, StoreError, Turn, TurnRecord, Version, name};

/// Sessions in a PostgreSQL database, version 12 or newer, which many machines may use at once. Clones are one store, with
/// one pool of connections.
///
/// The tables, whose names begin with `bedrock_llm_`, are made by the store and brought up to date when an older version
/// of this library made them; several processes may start at once. They are in the first schema of the connection's
/// `search_path`. The address may have what
/// [`tokio_postgres::Config`](https://docs.rs/tokio-postgres/0.7/tokio_postgres/config/struct.Config.html) reads: a URL or
/// pairs of names and values. TLS is used where the server has it, and demanded by `sslmode=require`; the server's
/// certificate is verified either way. What a commit survives is the server's `synchronous_commit`; by default that is a
/// crash of the server and a loss of power.
///
/// ```no_run
/// use bedrock_llm_agent::store::{PostgresStore, StateStore as _, Turn};
/// use bedrock_llm_schema::Message;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://agents@db.example.com/agents?sslmode=require").await?;
/// store.append("trip", 0, Turn::said([Message::user("Where is it warm?")])).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    compress_over: usize,
}

/// How a [`PostgresStore`] connects.
#[derive(Clone)]
pub struct PostgresOptions {
    max_connections: usize,
    timeout: Duration,
    compress_over: usize,
    authorities: Vec<u8>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 8,
            timeout: Duration::from_secs(30),
            compress_over: COMPRESS_OVER,
            authorities: Vec::new(),
        }
    }
}

impl PostgresOptions {
    /// The most connections at once, at least 1; 8. They are made when they are needed. A call holds one while it runs.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most.max(1);
        self
    }

    /// How long a call waits for a connection, and again for one that is being made, before it fails with
    /// [`StoreError::Unavailable`]; 30 seconds. How long statements may take is the server's `statement_timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Messages, contexts, calls, states and runs of a turn are compressed (zstd) when they are more bytes of JSON than
    /// this, each by itself; 4096. [`usize::MAX`] compresses nothing. What is kept already is read either way.
    #[must_use]
    pub fn compress_over(mut self, bytes: usize) -> Self {
        self.compress_over = bytes;
        self
    }

    /// Certificates, in PEM, of authorities to trust beside the system's. Amazon RDS needs its own:
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = pem.into();
        self
    }

    /// Connects, and makes the tables or brings them up to date.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] where a newer version of this library made the tables, [`StoreError::Unavailable`] where
    /// the address cannot be read, the server cannot be reached or does not allow it.
    pub async fn connect(self, address: &str) -> Result<PostgresStore, StoreError> {
        let connected = async {
            let config: tokio_postgres::Config = address.parse()?;
            let manager = Manager::new(config, tls::connector(&self.authorities)?);
            let pool = Pool::builder(manager)
                .max_size(self.max_connections)
                .runtime(Runtime::Tokio1)
                .wait_timeout(Some(self.timeout))
                .create_timeout(Some(self.timeout))
                .build()
                .map_err(|error| Failure::Unavailable(error.into()))?;
            schema::migrate(&mut pool.get().await?).await?;
            Ok(PostgresStore { pool, compress_over: self.compress_over })
        };
        connected.await.map_err(|failure: Failure| failure.while_doing("connecting to the database", ""))
    }
}

impl PostgresStore {
    /// Connects as [`PostgresOptions::connect`] does by default.
    ///
    /// # Errors
    /// As there.
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        PostgresOptions::default().connect(address).await
    }

    async fn client(&self) -> Result<Client, Failure> {
        Ok(self.pool.get().await?)
    }
}

fn told<'a, T>(
    doing: &'static str,
    session: &'a str,
    work: impl Future<Output = Result<T, Failure>> + Send + 'a,
) -> BoxFuture<'a, Result<T, StoreError>> {
    Box::pin(async move { work.await.map_err(|failure| failure.while_doing(doing, session)) })
}

impl StateStore for PostgresStore {
    fn load<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<Option<Session>, StoreError>> {
        told(
            "loading a session",
            session,
            async move { read::load(&mut self.client().await?, session).await },
        )
    }

    fn append<'a>(
        &'a self,
        session: &'a str,
        seen: Version,
        turn: Turn,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        told("appending a turn", session, async move {
            name::check("session", session)?;
            write::append(&mut self.client().await?, session, seen, turn, self.compress_over).await
        })
    }

    fn turns<'a>(
        &'a self,
        session: &'a str,
        after: Version,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<TurnRecord>, StoreError>> {
        told("reading turns", session, async move {
            let db = self.client().await?;
            read::turns(&db, read::known(&db, session).await?.key, after, most).await
        })
    }

    fn snapshot<'a>(&'a self, session: &'a str, name: &'a str) -> BoxFuture<'a, Result<Version, StoreError>> {
        told("taking a snapshot", session, async move {
            name::check("snapshot", name)?;
            write::snapshot(&mut self.client().await?, session, name).await
        })
    }

    fn snapshot_version<'a>(
        &'a self,
        session: &'a str,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Version>, StoreError>> {
        told("looking for a snapshot", session, async move {
            let db = self.client().await?;
            read::snapshot(&db, read::known(&db, session).await?.key, name).await
        })
    }

    fn rollback<'a>(&'a self, session: &'a str, to: Version) -> BoxFuture<'a, Result<Version, StoreError>> {
        told("rolling back a session", session, async move {
            write::rollback(&mut self.client().await?, session, to).await
        })
    }

    fn branch<'a>(
        &'a self,
        session: &'a str,
        at: Version,
        new: &'a str,
    ) -> BoxFuture<'a, Result<Version, StoreError>> {
        told("branching a session", session, async move {
            name::check("session", new)?;
            write::branch(&mut self.client().await?, session, at, new).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, StoreError>> {
        told("listing sessions", "", async move { read::list(&self.client().await?, prefix).await })
    }

    fn delete<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        told(
            "deleting a session",
            session,
            async move { write::delete(&self.client().await?, session).await },
        )
    }

    fn retain<'a>(
        &'a self,
        retention: Retention,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        told("deleting old sessions", "", async move {
            write::retain(&mut self.client().await?, retention, now).await
        })
    }
}

/// What the server said, or that it could not be asked.
impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// There is no connection to be had.
impl From<deadpool_postgres::PoolError> for Failure {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .field("timeout", &self.timeout)
            .field("compress_over", &self.compress_over)
            .field("authorities", &format_args!("{} bytes", self.authorities.len()))
            .finish()
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.pool.status();
        f.debug_struct("PostgresStore")
            .field("connections", &status.size)
            .field("max_connections", &status.max_size)
            .field("compress_over", &self.compress_over)
            .finish_non_exhaustive()
    }
}
