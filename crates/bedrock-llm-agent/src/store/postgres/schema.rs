//! The schema, brought from whatever version a database has to the newest.

use deadpool_postgres::{Client, GenericClient};

use crate::store::StoreError;
use crate::store::rows::Failure;

/// One for each version, in order. What is released is never changed; later versions are added.
const MIGRATIONS: [&str; 2] = [include_str!("v1.sql"), include_str!("v2.sql")];

/// The newest version.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Of the lock under which schemas are changed (`bllm`). It is the database's, whatever schema the tables are in.
const LOCK: i64 = 0x626c_6c6d;

const VERSION: &str = "SELECT version FROM bedrock_llm_schema";

/// Makes the tables, or older ones new. Several may do so at once. Where nothing is to be done no right to is needed.
pub(super) async fn migrate(db: &mut Client) -> Result<(), Failure> {
    let is_there = "SELECT to_regclass('bedrock_llm_schema') IS NOT NULL";
    if db.query_one(is_there, &[]).await?.try_get(0)? && found(db).await? == Some(KNOWN) {
        return Ok(());
    }
    let transaction = db.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // another process may have been faster; to_regclass would still say what it said
    let table = "CREATE TABLE IF NOT EXISTS bedrock_llm_schema (version BIGINT NOT NULL)";
    transaction.batch_execute(table).await?;
    let found = found(&transaction).await?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found.unwrap_or(0)).unwrap_or(0)) {
        transaction.batch_execute(migration).await?;
    }
    let write = match found {
        Some(_) => "UPDATE bedrock_llm_schema SET version = $1",
        None => "INSERT INTO bedrock_llm_schema VALUES ($1)",
    };
    transaction.execute(write, &[&KNOWN]).await?;
    transaction.commit().await?;
    Ok(())
}

async fn found(db: &impl GenericClient) -> Result<Option<i64>, Failure> {
    let Some(row) = db.query_opt(VERSION, &[]).await? else { return Ok(None) };
    match row.try_get(0)? {
        found if found > KNOWN => Err(StoreError::TooNew { found, known: KNOWN }.into()),
        found => Ok(Some(found)),
    }
}
