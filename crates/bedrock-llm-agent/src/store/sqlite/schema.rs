//! The schema, brought from whatever version a file has to the newest.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;
use crate::store::rows::Failure;

/// One for each version, in order. What is released is never changed; later versions are added.
const MIGRATIONS: [&str; 2] = [include_str!("v1.sql"), include_str!("v2.sql")];

/// The newest version.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// In the file's header: that it is ours (`bllm`).
const APPLICATION_ID: i64 = 0x626c_6c6d;

/// Makes a new database ours, or an older one of ours new. Several may do so at once.
pub(super) fn migrate(db: &mut Connection) -> Result<(), Failure> {
    if found(db)? == KNOWN {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // another process may have been faster
    let found = found(&transaction)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", KNOWN)?;
    transaction.commit()?;
    Ok(())
}

fn found(db: &Connection) -> Result<i64, Failure> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (owner, version) = (number("application_id")?, number("user_version")?);
    match (owner, version) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, 1..=KNOWN) => Ok(version),
        (APPLICATION_ID, version) if version > KNOWN => {
            Err(StoreError::TooNew { found: version, known: KNOWN }.into())
        }
        _ => Err(Failure::Corrupt("the database is another program's".to_owned())),
    }
}
