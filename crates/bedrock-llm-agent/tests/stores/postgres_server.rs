//! A PostgreSQL server: the one that `BEDROCK_LLM_TEST_POSTGRES` names, where `cargo xtask ci --only postgres` has set it.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use bedrock_llm_agent::store::{PostgresOptions, PostgresStore, StateStore as _, StoreError};
use bedrock_llm_schema::Message;
use tokio::task::JoinSet;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::given::{assistant, call, loaded, texts, user};
use crate::place::Outcome;

const SERVER: &str = "BEDROCK_LLM_TEST_POSTGRES";

/// The file with the certificate to trust, where the server has one that nobody signed.
const AUTHORITY: &str = "BEDROCK_LLM_TEST_POSTGRES_AUTHORITY";

/// A schema for one test. It is not taken down: the server is the tests' own.
pub(crate) struct Schema {
    address: String,
    name: String,
}

impl Schema {
    /// A new one; `None` where there is no server.
    pub(crate) async fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(address) = std::env::var(SERVER) else {
            println!("skipped: {SERVER} does not name a server; `cargo xtask ci --only postgres` starts one");
            return None;
        };
        // several runs may share a server
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let schema = Self { address, name };
        match schema.sql(&format!("CREATE SCHEMA {}", schema.name)).await {
            Ok(_) => Some(schema),
            Err(error) => panic!("{SERVER} names a server that cannot be used: {error:?}"),
        }
    }

    pub(crate) fn address(&self) -> String {
        let join = if self.address.contains('?') { '&' } else { '?' };
        format!("{}{join}application_name={1}&options=-c%20search_path%3D{1}", self.address, self.name)
    }

    fn options(&self) -> std::io::Result<PostgresOptions> {
        Ok(match std::env::var_os(AUTHORITY) {
            Some(path) => PostgresOptions::default().authorities(std::fs::read(path)?),
            None => PostgresOptions::default(),
        })
    }

    pub(crate) async fn open(&self) -> Result<PostgresStore, Box<dyn Error + Send + Sync>> {
        // many tests run at once, and a server takes a hundred connections
        Ok(self.options()?.max_connections(2).connect(&self.address()).await?)
    }

    /// Runs statements past the store, and gives the last one's first value.
    async fn sql(&self, statements: &str) -> Result<Option<String>, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.address(), NoTls).await?;
        let connection = tokio::spawn(connection);
        let answer = client.simple_query(statements).await;
        drop(client);
        drop(connection.await);
        let rows = answer?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
            _ => None,
        });
        Ok(rows.last())
    }
}

macro_rules! schema_or_skip {
    () => {
        match Schema::new().await {
            Some(schema) => schema,
            None => return Ok(()),
        }
    };
}

const VERSION: &str = "SELECT version FROM bedrock_llm_schema";

/// What the first version wrote, as it is for good: a session of two turns with a compressed state, a snapshot, a call.
const WRITTEN_BY_V1: &str = include_str!("../data/store-v1-postgres.sql");

#[tokio::test]
async fn tables_of_the_first_version_are_brought_up_to_date() -> Outcome {
    let schema = schema_or_skip!();
    schema.sql(WRITTEN_BY_V1).await?;
    let index = "SELECT to_regclass('bedrock_llm_turns_with_context') IS NOT NULL";
    assert_eq!(
        (schema.sql(VERSION).await?.as_deref(), schema.sql(index).await?.as_deref()),
        (Some("1"), Some("f"))
    );
    let store = schema.open().await?;
    assert_eq!(
        (schema.sql(VERSION).await?.as_deref(), schema.sql(index).await?.as_deref()),
        (Some("2"), Some("t"))
    );

    let session = loaded(&store, "Gespräch 🦀").await?;
    assert_eq!(texts(&session), ["How is the weather?", "I look."]);
    assert_eq!(session.state["long"], "la".repeat(4000));
    assert_eq!((session.calls.len(), session.calls[0].id()), (1, "call_1"));
    assert_eq!(store.snapshot_version("Gespräch 🦀", "start").await?, Some(1));
    let next = store.append("Gespräch 🦀", session.version, user("And?")).await?;
    assert!(next > session.version);
    Ok(())
}

#[tokio::test]
async fn many_may_make_the_tables_at_once() -> Outcome {
    for sql in ["", WRITTEN_BY_V1] {
        let schema = schema_or_skip!();
        schema.sql(sql).await?;
        let mut processes = JoinSet::new();
        for _ in 0..8 {
            let (options, address) = (schema.options()?.max_connections(1), schema.address());
            processes.spawn(async move { options.connect(&address).await.map(drop) });
        }
        while let Some(process) = processes.join_next().await {
            process??;
        }
        assert_eq!(schema.sql(VERSION).await?.as_deref(), Some("2"));
    }
    Ok(())
}

#[tokio::test]
async fn newer_tables_are_refused() -> Outcome {
    let schema = schema_or_skip!();
    drop(schema.open().await?);
    schema.sql("UPDATE bedrock_llm_schema SET version = 3").await?;
    let error = schema.options()?.connect(&schema.address()).await.unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 3, known: 2 }), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_turn_that_fails_in_the_middle_leaves_nothing() -> Outcome {
    let schema = schema_or_skip!();
    let store = schema.open().await?;
    let seen = store.append("s", 0, user("Hello")).await?;
    let before = loaded(&store, "s").await?;
    let fails = "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN IF new.place = 1 THEN RAISE ''the disk is on fire''; END IF; RETURN new; END';
                 CREATE TRIGGER fails BEFORE INSERT ON bedrock_llm_tool_calls FOR EACH ROW EXECUTE FUNCTION fails()";
    schema.sql(fails).await?;
    let mut turn = assistant("I look.");
    turn.calls = vec![call("1", "pending")?, call("2", "pending")?];
    for (session, seen) in [("s", seen), ("t", 0)] {
        let error = store.append(session, seen, turn.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { doing: "appending a turn", .. }), "{error:?}");
        let source = error.source().and_then(Error::source).map(ToString::to_string);
        assert!(source.is_some_and(|source| source.contains("the disk is on fire")), "{error:?}");
    }
    assert_eq!(loaded(&store, "s").await?, before);
    assert!(store.load("t").await?.is_none());
    let count = "SELECT count(*) FROM bedrock_llm_tool_calls";
    assert_eq!(schema.sql(count).await?.as_deref(), Some("0"));
    schema.sql("DROP TRIGGER fails ON bedrock_llm_tool_calls").await?;
    let version = store.append("s", seen, turn).await?;
    assert_eq!(schema.sql(count).await?.as_deref(), Some("2"));
    // a branch has calls of its own
    let branch = store.branch("s", version, "u").await?;
    let of_branch = format!("{count} WHERE version = {branch} AND id IN ('1', '2')");
    assert_eq!(schema.sql(&of_branch).await?.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn what_a_context_replaced_is_not_read() -> Outcome {
    let schema = schema_or_skip!();
    let store = schema.open().await?;
    let mut version = store.append("s", 0, user("first")).await?;
    let mut turn = user("last");
    turn.context = Some(vec![Message::user("All of it"), Message::assistant("Yes"), Message::user("last")]);
    turn.begins_run = true;
    version = store.append("s", version, turn).await?;
    store.append("s", version, assistant("Well")).await?;
    schema.sql("UPDATE bedrock_llm_turns SET messages = 'x', calls = 'x' WHERE version = 1").await?;
    assert_eq!(texts(&loaded(&store, "s").await?), ["All of it", "Yes", "last", "Well"]);
    let error = store.turns("s", 0, 1).await.unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { session, .. } if session == "s"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn payloads_are_compressed_as_was_said() -> Outcome {
    let schema = schema_or_skip!();
    let long = "la".repeat(400);
    let mut version = 0;
    for (over, said) in [(usize::MAX, "mine"), (700, "yours"), (4096, "ours")] {
        let options = schema.options()?.compress_over(over).max_connections(1);
        let store = options.connect(&schema.address()).await?;
        version = store.append("s", version, user(&format!("{said} {long}"))).await?;
    }
    let is_json = "SELECT string_agg((get_byte(messages, 0) = ascii('['))::text, ' ' ORDER BY version) FROM bedrock_llm_turns";
    assert_eq!(schema.sql(is_json).await?.as_deref(), Some("true false true"));
    let session = loaded(&schema.open().await?, "s").await?;
    assert_eq!(texts(&session), [format!("mine {long}yours {long}ours {long}")]);
    Ok(())
}

#[tokio::test]
async fn a_store_outlives_its_connections() -> Outcome {
    let schema = schema_or_skip!();
    let store = schema.options()?.max_connections(1).connect(&schema.address()).await?;
    let seen = store.append("s", 0, user("Hello")).await?;
    let ours = format!(
        "FROM pg_stat_activity WHERE application_name = '{}' AND pid <> pg_backend_pid()",
        schema.name
    );
    assert_eq!(schema.sql(&format!("SELECT count(*) {ours}")).await?.as_deref(), Some("1"));
    schema.sql(&format!("SELECT pg_terminate_backend(pid) {ours}")).await?;
    while schema.sql(&format!("SELECT count(*) {ours}")).await?.as_deref() != Some("0") {}
    // the first call may be the one that finds out; it is told, and the next has a new connection
    if let Err(error) = store.append("s", seen, assistant("Hi")).await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        store.append("s", seen, assistant("Hi")).await?;
    }
    assert_eq!(texts(&loaded(&store, "s").await?), ["Hello", "Hi"]);
    Ok(())
}

#[tokio::test]
async fn a_server_is_trusted_by_its_certificate_alone() -> Outcome {
    let schema = schema_or_skip!();
    let address = format!("{}&sslmode=require", schema.address());
    if std::env::var_os(AUTHORITY).is_none() {
        println!("skipped: {AUTHORITY} does not name the server's certificate");
        return Ok(());
    }
    let store = schema.options()?.connect(&address).await?;
    store.append("s", 0, user("Hello")).await?;
    let tls = format!(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = '{}'",
        schema.name
    );
    assert_eq!(schema.sql(&tls).await?.as_deref(), Some("1"));
    let error = PostgresStore::connect(&address).await.unwrap_err();
    let told = format!("{:?}", error.source());
    assert!(matches!(error, StoreError::Unavailable { .. }) && told.contains("InvalidCertificate"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() -> Outcome {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    drop(listener);
    let nobody = format!("postgres://nobody:secret@127.0.0.1:{port}/none");
    for address in [nobody.as_str(), "postgres://host:port:what/"] {
        let error = PostgresStore::connect(address).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let error =
        PostgresOptions::default().authorities("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n");
    let error = error.connect(&nobody).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    Ok(())
}
