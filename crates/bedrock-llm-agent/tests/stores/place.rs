//! Where a test's store is: one of each kind, empty, and nobody else's.

use std::error::Error;
use std::sync::Arc;

use bedrock_llm_agent::store::{MemoryStore, StateStore};

pub(crate) type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
pub(crate) type Store = Arc<dyn StateStore>;

/// A place that holds a store; it can be opened many times, and goes when it is dropped.
pub(crate) enum Place {
    Memory(MemoryStore),
    #[cfg(feature = "sqlite")]
    Sqlite(tempfile::TempDir),
    #[cfg(feature = "postgres")]
    Postgres(crate::postgres_server::Schema),
}

/// Each kind's function gives `None`, and prints why, where it cannot be had here.
impl Place {
    pub(crate) async fn memory() -> Option<Self> {
        Some(Self::Memory(MemoryStore::new()))
    }

    #[cfg(feature = "sqlite")]
    pub(crate) async fn sqlite() -> Option<Self> {
        match tempfile::tempdir() {
            Ok(folder) => Some(Self::Sqlite(folder)),
            Err(error) => panic!("no folder for the database: {error}"),
        }
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn postgres() -> Option<Self> {
        crate::postgres_server::Schema::new().await.map(Self::Postgres)
    }

    /// As a process that starts opens it.
    pub(crate) async fn open(&self) -> Result<Store, Box<dyn Error + Send + Sync>> {
        Ok(match self {
            Self::Memory(store) => Arc::new(store.clone()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(folder) => {
                Arc::new(bedrock_llm_agent::store::SqliteStore::open(folder.path().join("sessions.db"))?)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(schema) => Arc::new(schema.open().await?),
        })
    }
}
