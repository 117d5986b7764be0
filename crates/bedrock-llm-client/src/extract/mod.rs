//! Typed answers: the model fills in a type of yours.
//!
//! [`Client::extract`] asks by the best [`Road`] the model has, checks the answer against the type's JSON Schema, and
//! asks again, with what was wrong, where it does not fit. [`Client::extract_stream`] gives the value as it grows.

mod error;
mod read;
mod road;
mod shape;
mod stream;

use std::fmt;

use bedrock_llm_schema::{ChatRequest, ChatResponse, Error, ErrorKind, Usage};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use error::{AnswerViolation, ExtractError};
pub use road::{Road, strongest_choice};
pub use shape::Shape;
pub use stream::{ExtractStream, Partial};

use crate::Client;

/// A request for a typed answer: a [`ChatRequest`], and how far to go for it.
#[derive(Debug, Clone)]
pub struct ExtractRequest {
    request: ChatRequest,
    road: Option<Road>,
    max_retries: u32,
}

impl ExtractRequest {
    /// A request by the best road the model has, asked again at most twice.
    pub fn new(request: impl Into<ChatRequest>) -> Self {
        Self { request: request.into(), road: None, max_retries: 2 }
    }

    /// Takes this road, and no other.
    #[must_use]
    pub fn road(mut self, road: Road) -> Self {
        self.road = Some(road);
        self
    }

    /// Sets how often the model is asked again when its answer does not fit; 2 unless set, 0 for never.
    #[must_use]
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }
}

impl<T: Into<ChatRequest>> From<T> for ExtractRequest {
    fn from(request: T) -> Self {
        Self::new(request)
    }
}

/// A typed answer.
#[derive(Clone)]
#[non_exhaustive]
pub struct Extracted<T> {
    /// The value.
    pub value: T,
    /// The road by which it came.
    pub road: Road,
    /// How many answers it took, at least 1.
    pub attempts: u32,
    /// What all answers used together.
    pub usage: Usage,
    /// The last answer as it came.
    pub response: ChatResponse,
}

/// Shows no content.
impl<T> fmt::Debug for Extracted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extracted")
            .field("road", &self.road)
            .field("attempts", &self.attempts)
            .field("usage", &self.usage)
            .field("response", &self.response)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for a value of a type. The type's documentation goes with its schema: describe its members.
    ///
    /// Where the model's profile has native JSON output, the service holds the model to the schema; else a tool that
    /// the model must call does; else an instruction, and what is nearly JSON is repaired. A road that the service
    /// refuses is left for the next. An answer that does not fit goes back to the model with what is wrong.
    ///
    /// A request with tools of its own keeps them, but a call of one counts as no answer.
    ///
    /// # Errors
    /// [`ErrorKind::AnswerInvalid`] when no answer fitted; [`ErrorKind::AnswerIncomplete`] when one was cut off, and
    /// [`ErrorKind::AnswerRefused`] when the model, a guardrail or a filter refused: these are not asked again. For all
    /// three [`ExtractError::of`] has the last raw text, the violations and the usage. [`ErrorKind::Config`] when the
    /// type's schema is none. Else see [`Client::send`]; where it was asking again that failed, [`Error::partial`] has
    /// the last answer, with the usage of all of them.
    ///
    /// ```no_run
    /// # async fn run(client: bedrock_llm_client::Client) -> Result<(), bedrock_llm_schema::Error> {
    /// use bedrock_llm_schema::ChatRequest;
    ///
    /// /// A person mentioned in the text.
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Person {
    ///     name: String,
    ///     /// In whole years.
    ///     age: Option<u8>,
    /// }
    ///
    /// let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Ada (36) met Charles.");
    /// let people = client.extract::<Vec<Person>>(request).await?;
    /// println!("{} people, {} tokens", people.value.len(), people.usage.total());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn extract<T>(&self, request: impl Into<ExtractRequest>) -> Result<Extracted<T>, Error>
    where
        T: DeserializeOwned + JsonSchema,
    {
        let ExtractRequest { request, road, max_retries } = request.into();
        let profile = self.profile(&request.model);
        let shape = Shape::of::<T>()?;
        let roads = road::choose(&profile, road);
        let mut usage = Usage::default();
        for (place, &road) in roads.iter().enumerate() {
            let mut ask = road.prepare(&request, &shape, &profile);
            let mut attempts = 0;
            let mut last: Option<ChatResponse> = None;
            loop {
                let response = match self.chat(ask.clone()).await {
                    Ok(response) => response,
                    Err(error) if attempts == 0 && place + 1 < roads.len() && is_refused(&error) => break,
                    Err(error) => return Err(with_last(error, last, usage)),
                };
                attempts += 1;
                usage += &response.usage;
                let found = match shape.judge::<T>(&response) {
                    Ok((_, value)) => return Ok(Extracted { value, road, attempts, usage, response }),
                    Err(found) => found,
                };
                if found.kind != ErrorKind::AnswerInvalid || attempts > max_retries {
                    return Err(found.into_error(attempts, usage, response));
                }
                road::ask_again(&mut ask, &response, &found.violations, &profile);
                last = Some(response);
            }
        }
        // the last road returns
        Err(Error::new(ErrorKind::Unexpected, "no road to a typed answer"))
    }

    /// Asks for a value of a type and gives it as it grows: each item has all that has come so far, the last one the
    /// checked value. Dropping the stream closes its connection.
    ///
    /// The roads are those of [`extract`](Self::extract); an answer that does not fit is not asked for again, since
    /// its beginning has been given away. A long value is not given at every piece of it, and words in the place of a
    /// tool's call only when they are whole.
    ///
    /// # Errors
    /// See [`extract`](Self::extract). What fails after the answer began is an item of the stream, its last.
    pub async fn extract_stream<T>(
        &self,
        request: impl Into<ExtractRequest>,
    ) -> Result<ExtractStream<T>, Error>
    where
        T: DeserializeOwned + JsonSchema,
    {
        let ExtractRequest { request, road, .. } = request.into();
        let profile = self.profile(&request.model);
        let shape = Shape::of::<T>()?;
        let roads = road::choose(&profile, road);
        for (place, &road) in roads.iter().enumerate() {
            match self.chat_stream(road.prepare(&request, &shape, &profile)).await {
                Ok(stream) => return Ok(ExtractStream::new(stream, road, shape)),
                Err(error) if place + 1 < roads.len() && is_refused(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Unexpected, "no road to a typed answer"))
    }
}

/// Whether another road may do: the form of the request was refused, before or by the service.
fn is_refused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Validation | ErrorKind::Unsupported | ErrorKind::InvalidRequest)
}

/// What was paid for is not lost when asking again fails.
fn with_last(error: Error, last: Option<ChatResponse>, usage: Usage) -> Error {
    match last {
        Some(last) if error.partial().is_none() => error.with_partial(ChatResponse { usage, ..last }),
        _ => error,
    }
}
