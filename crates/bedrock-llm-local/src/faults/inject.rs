//! A fault at work: in the place of an answer, or in its delivery.

use std::time::Duration;

use super::draw::Draw;
use super::{Fault, FaultRule};
use crate::Exception;
use crate::answer::{Answer, Damage, Delivery, Mishap};

const HTML: &str = "text/html";

/// What happens to one request.
#[derive(Debug, Default)]
pub(crate) struct Injection {
    fault: Option<Fault>,
    /// How late the answer is.
    pub(crate) latency: Duration,
    /// The pause inside the head, drawn where the fault is one.
    pause: Duration,
}

impl Injection {
    /// Adds what a rule says, which fired.
    pub(super) fn add(&mut self, rule: &FaultRule, draw: &mut Draw) {
        if let Some(latency) = &rule.latency {
            self.latency = self.latency.saturating_add(latency.draw(draw));
        }
        if let Some(Fault::SlowHeaders(pause)) = &rule.fault {
            self.pause = pause.draw(draw);
        }
        self.fault.clone_from(&rule.fault);
    }

    /// The fault's name; `latency` where there is no fault but an answer that is late.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        let late = || (!self.latency.is_zero()).then_some("latency");
        self.fault.as_ref().map(Fault::kind).or_else(late)
    }

    /// Whether a request for a stream is to be answered in one.
    pub(crate) fn in_one(&self) -> bool {
        matches!(self.fault, Some(Fault::ContentType(_)))
    }

    /// What comes instead of an answer; `None` where the fault is in the answer, or there is none.
    pub(crate) fn instead(&self) -> Option<Answer> {
        match self.fault.as_ref()? {
            Fault::Exception { name, message, retry_after } => {
                let answer = Answer::from(exception(name, message.as_ref()));
                Some(match retry_after {
                    Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
                    None => answer,
                })
            }
            Fault::Status(status) => Some(page(*status)),
            Fault::ContentType(kind) if kind.starts_with(HTML) => {
                Some(page(200).with_header("content-type", kind))
            }
            // never sent: nobody is asked for an answer
            Fault::HangUp | Fault::ResetBeforeHeaders | Fault::StallBeforeHeaders => Some(page(500)),
            _ => None,
        }
    }

    /// Lays the fault over an answer and its delivery.
    pub(crate) fn lay_over(self, mut answer: Answer, mut delivery: Delivery) -> (Answer, Delivery) {
        delivery.delay = delivery.delay.saturating_add(self.latency);
        let Some(fault) = self.fault else { return (answer, delivery) };
        answer.split();
        let mishap = match fault {
            Fault::HangUp => Mishap::HangUp,
            Fault::ResetBeforeHeaders => Mishap::ResetBeforeHead,
            Fault::StallBeforeHeaders => Mishap::StallBeforeHead,
            Fault::SlowHeaders(_) => Mishap::SlowHead(self.pause),
            Fault::ResetAfterHeaders => Mishap::Reset,
            Fault::StallAfter(frames) => Mishap::Stall(answer.place(frames)),
            Fault::CutAfter(frames) => Mishap::Cut(answer.place(frames)),
            Fault::CutInside(frames) => Mishap::CutInside(answer.place(frames)),
            Fault::CorruptAfter(frames) => Mishap::Damage(frames, Damage::Checksum),
            Fault::GarbageJsonAfter(frames) => Mishap::Damage(frames, Damage::Garbage),
            Fault::TruncatedJsonAfter(frames) => Mishap::Damage(frames, Damage::Truncated),
            Fault::ExceptionAfter { frames, name, message } if answer.is_stream() => {
                Mishap::Exception(frames, Box::new(exception(&name, message.as_ref())))
            }
            Fault::ContentType(kind) => return (answer.with_header("content-type", kind), delivery),
            Fault::Exception { .. } | Fault::Status(_) | Fault::ExceptionAfter { .. } => {
                return (answer, delivery);
            }
        };
        delivery.mishap = Some(mishap);
        (answer, delivery)
    }
}

fn exception(name: &str, message: Option<&String>) -> Exception {
    let exception = Exception::new(name);
    match message {
        Some(message) => exception.message(message),
        None => exception,
    }
}

/// What a proxy says, which knows nothing of the service.
fn page(status: u16) -> Answer {
    let reason = hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let title = format!("{status} {}", reason.unwrap_or("Error"));
    let html = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n");
    Answer { status, ..Answer::whole(HTML, html) }
}
