//! Turns as rows of a database: payloads of JSON, compressed where they are large.

use bedrock_llm_schema::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, Turn};

/// Over so many bytes of JSON a payload is compressed, where nothing else is said.
pub(super) const COMPRESS_OVER: usize = 4096;

/// What every zstd frame begins with (RFC 8878, 3.1.1), and no JSON text. By it the two are told apart.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A value as it is kept.
#[derive(Debug)]
pub(super) enum Payload {
    Json(String),
    Zstd(Vec<u8>),
}

impl Payload {
    fn write(value: &impl Serialize, compress_over: usize) -> Result<Self, Failure> {
        let json = serde_json::to_string(value)?;
        if json.len() <= compress_over {
            return Ok(Self::Json(json));
        }
        Ok(Self::Zstd(zstd::bulk::compress(json.as_bytes(), zstd::DEFAULT_COMPRESSION_LEVEL)?))
    }

    #[cfg(feature = "postgres")]
    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.into_bytes(),
            Self::Zstd(bytes) => bytes,
        }
    }
}

/// Reads what was written, compressed or not. The error says where it is wrong, and not what is there.
pub(super) fn read<T: DeserializeOwned>(column: &str, bytes: &[u8]) -> Result<T, Failure> {
    let corrupt = |problem: String| Failure::Corrupt(format!("the column `{column}` {problem}"));
    let parsed = if bytes.starts_with(&ZSTD_MAGIC) {
        let json = zstd::decode_all(bytes).map_err(|error| corrupt(format!("is no zstd frame: {error}")))?;
        serde_json::from_slice(&json)
    } else {
        serde_json::from_slice(bytes)
    };
    parsed.map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "is JSON of another form",
            _ => "is no JSON",
        };
        corrupt(format!("{kind}, from line {} column {} on", error.line(), error.column()))
    })
}

/// A turn as a row; what it does not have is not there.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) begins_run: bool,
    pub(super) messages: Option<Payload>,
    pub(super) context: Option<Payload>,
    pub(super) calls: Option<Payload>,
    pub(super) state: Option<Payload>,
    pub(super) run: Option<Payload>,
    pub(super) tool_calls: Vec<CallRow>,
}

/// A tool call as a row, to be asked for in SQL; the call itself is in [`Row::calls`].
#[derive(Debug)]
pub(super) struct CallRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) starts: i64,
    pub(super) failure: Option<String>,
}

impl Row {
    pub(super) fn of(turn: &Turn, compress_over: usize) -> Result<Self, Failure> {
        let list = |is_empty: bool, value: &dyn Fn() -> Result<Payload, Failure>| {
            if is_empty { Ok(None) } else { value().map(Some) }
        };
        let tool_calls = turn.calls.iter().map(|call| CallRow {
            id: text(call.id()),
            name: text(call.name()),
            state: call.state().as_str(),
            starts: i64::from(call.starts()),
            failure: call.failure().map(text),
        });
        Ok(Self {
            begins_run: turn.begins_run,
            messages: list(turn.messages.is_empty(), &|| Payload::write(&turn.messages, compress_over))?,
            context: turn.context.as_ref().map(|it| Payload::write(it, compress_over)).transpose()?,
            calls: list(turn.calls.is_empty(), &|| Payload::write(&turn.calls, compress_over))?,
            state: turn.state.as_ref().map(|it| Payload::write(it, compress_over)).transpose()?,
            run: turn.run.as_ref().map(|it| Payload::write(it, compress_over)).transpose()?,
            tool_calls: tool_calls.collect(),
        })
    }
}

/// A model's text as a column of text can have it: without NUL, which PostgreSQL does not take.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Reads a turn from its columns: messages, context, calls, state, run.
pub(super) fn turn(begins_run: bool, columns: [Option<&[u8]>; 5]) -> Result<Turn, Failure> {
    let [messages, context, calls, state, run] = columns;
    Ok(Turn {
        messages: part("messages", messages)?.unwrap_or_default(),
        context: part("context", context)?,
        calls: part("calls", calls)?.unwrap_or_default(),
        state: part("state", state)?,
        run: part("run", run)?,
        begins_run,
    })
}

pub(super) fn part<T: DeserializeOwned>(column: &str, bytes: Option<&[u8]>) -> Result<Option<T>, Failure> {
    bytes.map(|bytes| read(column, bytes)).transpose()
}

/// What stopped a call of a database, before it is known what was being done and to which session.
#[derive(Debug)]
pub(super) enum Failure {
    Store(StoreError),
    Corrupt(String),
    Unavailable(BoxError),
}

impl Failure {
    pub(super) fn while_doing(self, doing: &'static str, session: &str) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Corrupt(message) => StoreError::Corrupt { session: session.to_owned(), message },
            Self::Unavailable(source) => StoreError::Unavailable { doing, source },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is to be written cannot be.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// What is to be written cannot be compressed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        let failure = read::<Vec<u32>>("messages", bytes).unwrap_err();
        failure.while_doing("loading", "s").to_string()
    }

    #[test]
    fn payloads_are_compressed_above_a_size_and_read_either_way() {
        let value = vec!["α".repeat(50); 100];
        let size = serde_json::to_string(&value).unwrap().len();
        let plain = Payload::write(&value, size).unwrap();
        let Payload::Json(json) = &plain else { panic!("{plain:?}") };
        assert_eq!(read::<Vec<String>>("x", json.as_bytes()).unwrap(), value);
        let packed = Payload::write(&value, size - 1).unwrap();
        let Payload::Zstd(bytes) = &packed else { panic!("{packed:?}") };
        assert!(bytes.len() < size / 20, "{} of {size}", bytes.len());
        assert_eq!(read::<Vec<String>>("x", bytes).unwrap(), value);
    }

    #[test]
    fn what_cannot_be_read_is_told_without_what_is_there() {
        assert_eq!(
            told(br#"["secret"]"#),
            "what the store keeps of the session `s` cannot be read: the column `messages` is JSON of another form, from line 1 column 9 on"
        );
        assert!(told(b"secret").contains("is no JSON"));
        let mut cut = zstd::bulk::compress(b"[1,2,3]", 3).unwrap();
        cut.truncate(cut.len() - 2);
        assert!(told(&cut).contains("is no zstd frame"));
    }
}
