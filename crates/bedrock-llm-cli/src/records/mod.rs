//! Files of records: written one after the other by one process, and continued after it was killed.

mod failure;
mod file;
mod form;
mod known;
mod output;

pub(crate) use failure::{Failure, may_be_mended};
pub(crate) use file::{RecordFile, Spans};
pub(crate) use form::{Cell, Form};
pub(crate) use known::{Before, Done, shown};
pub(crate) use output::{Output, Plan, settings_path};

use sha2::{Digest as _, Sha256};

/// What tells texts apart, wherever they stand: 128 bits are enough.
pub(crate) fn hash(text: &[u8]) -> u128 {
    Sha256::digest(text).iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}
