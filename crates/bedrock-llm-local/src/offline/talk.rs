//! What is said in words: the user's words given back, facts found in what is there, or an honest nothing.

use bedrock_llm_schema::content::tool::ToolResultContentBlock;
use bedrock_llm_schema::guardrail::GuardContentBlock;
use bedrock_llm_schema::request::{OutputFormat, OutputFormatStructure};
use bedrock_llm_schema::{ChatRequest, ContentBlock, Message, Role, ToolResultBlock, ToolResultStatus};
use serde_json::Value;

use super::fill::fill;
use super::media::describe_image;
use super::words::{best, matter, sentences};
use super::{numbers, story, tools};

/// How the responder introduces itself.
const SELF: &str = "I am bedrock-llm's offline responder: fixed rules on your machine, no language model.";

/// What the first answer of a conversation has beside its own words.
const NOTE: &str = "(Offline responder, no language model.)";

/// The text of the last message, as the user's words.
pub(super) fn last_words(request: &ChatRequest) -> String {
    request.messages.last().map(words_of).unwrap_or_default()
}

fn words_of(message: &Message) -> String {
    let texts = message.content.iter().filter_map(|block| match block {
        ContentBlock::GuardContent(GuardContentBlock::Text(block)) => Some(block.text.clone()),
        block => block.as_text().map(std::borrow::Cow::into_owned),
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The answer in words.
pub(super) fn answer(request: &ChatRequest) -> String {
    let asked = last_words(request);
    if let Some(json) = structured(request, &asked) {
        return json;
    }
    if let Some(results) = tool_results(request) {
        return results;
    }
    let is_first = !request.messages.iter().any(|message| message.role == Role::Assistant);
    let noted = |text: String| if is_first { format!("{text} {NOTE}") } else { text };
    if asks_who(&asked) {
        return SELF.to_owned();
    }
    if let Some(text) = repeated(&asked).or_else(|| numbers::answer(&asked)) {
        return text;
    }
    if let Some(text) = found(request, &asked) {
        return noted(text);
    }
    if let Some((tool, arguments)) =
        tools::wanting(request, &asked).filter(|(_, arguments)| !arguments.is_empty())
    {
        return noted(format!("To use {tool} I need to know: {}.", arguments.join(", ")));
    }
    if let Some(text) = attachments(request) {
        return noted(text);
    }
    if let Some(text) = story::tell(&asked) {
        return noted(text);
    }
    if greets(&asked) {
        return noted("Hello! Ask me about what you give me: documents, instructions, tools.".to_owned());
    }
    noted(match topic(&asked) {
        Some(topic) => format!("I found nothing about {topic} in what you gave me."),
        None => "I found nothing to answer from in what you gave me.".to_owned(),
    })
}

/// JSON by the schema the request asks for.
fn structured(request: &ChatRequest, asked: &str) -> Option<String> {
    let OutputFormat { structure, .. } = request.output_config.as_ref()?.text_format.as_ref()?;
    let OutputFormatStructure::JsonSchema(definition) = structure else { return None };
    let schema: Value = serde_json::from_str(&definition.schema).ok()?;
    Some(fill(&schema, asked, true)?.to_string())
}

/// Whether the last message is what tools answered. Where all of them failed and something else is said there, that is
/// what is to be answered: a run was cancelled, and the user goes on.
pub(super) fn answers_tools(request: &ChatRequest) -> bool {
    let Some(last) = request.messages.last() else { return false };
    let failed = |result: &ToolResultBlock| result.status == Some(ToolResultStatus::Error);
    let goes_on = !words_of(last).trim().is_empty() && last.tool_results().all(failed);
    last.tool_results().next().is_some() && !goes_on
}

/// What the tools answered, if the last message is their answers.
fn tool_results(request: &ChatRequest) -> Option<String> {
    let last = request.messages.last().filter(|_| answers_tools(request))?;
    let results: Vec<String> = last.tool_results().map(|result| tool_result(request, result)).collect();
    (!results.is_empty()).then(|| results.join("\n"))
}

fn tool_result(request: &ChatRequest, result: &ToolResultBlock) -> String {
    let calls = request.messages.iter().flat_map(Message::tool_uses);
    let call = calls.filter(|call| call.tool_use_id == result.tool_use_id).last();
    let name = call.map_or("the tool", |call| call.name.as_str());
    let arguments = call.map(|call| in_words(&call.input)).filter(|words| !words.is_empty());
    let asked = arguments.map(|words| format!(" ({words})")).unwrap_or_default();
    let content = result.content.iter().map(|content| match content {
        ToolResultContentBlock::Text(text) => text.trim().to_owned(),
        ToolResultContentBlock::Json(value) => in_words(value),
        ToolResultContentBlock::Image(image) => describe_image(image),
        ToolResultContentBlock::Document(document) => {
            document.readable_text().unwrap_or_default().trim().to_owned()
        }
        ToolResultContentBlock::SearchResult(found) => {
            found.content.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => "something that I cannot read".to_owned(),
    });
    let content = content.collect::<Vec<_>>().join("; ");
    let verb = if result.status == Some(ToolResultStatus::Error) { "failed" } else { "says" };
    let stop = if content.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{name}{asked} {verb}: {content}{stop}")
}

/// JSON as one would say it: `celsius: 21, sky: clear`.
fn in_words(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| match value {
                Value::Object(_) => format!("{name} ({})", in_words(value)),
                _ => format!("{name}: {}", in_words(value)),
            });
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn greets(asked: &str) -> bool {
    let lower = asked.trim().to_lowercase();
    let greetings = ["hello", "hi", "hey", "good morning", "good evening", "greetings"];
    let mut after = greetings.iter().filter_map(|greeting| lower.strip_prefix(greeting));
    after.any(|after| !after.starts_with(char::is_alphanumeric))
}

fn asks_who(asked: &str) -> bool {
    let lower = asked.to_lowercase().replace('’', "'");
    let questions = [
        "who are you",
        "what are you",
        "are you a language model",
        "are you an ai",
        "are you a bot",
        "are you human",
        "are you claude",
        "are you real",
        "what model are you",
        "which model are you",
        "introduce yourself",
        "your name",
        "what can you do",
    ];
    questions.iter().any(|question| lower.contains(question))
}

/// What the user wants to hear, word by word.
fn repeated(asked: &str) -> Option<String> {
    let last = sentences(asked).last().copied()?;
    let text = last.trim_end_matches(['.', '!', '?']);
    let lower = text.to_lowercase();
    let lead = [
        "say hello to ",
        "say hi to ",
        "greet ",
        "please say ",
        "say ",
        "repeat after me: ",
        "repeat: ",
        "repeat ",
        "reply with ",
        "answer with ",
        "respond with ",
        "just say ",
        "only say ",
        "reply exactly: ",
        "echo ",
    ];
    let lead = lead.iter().find(|lead| lower.starts_with(*lead))?;
    let rest = text.get(lead.len()..)?.trim();
    let skip = ["only ", "exactly ", "just ", "the word ", "the words ", "the text ", "the sentence "];
    let rest = skip.iter().fold(rest, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    let plain = rest.trim_matches(['"', '\'', '“', '”', '`', ':', ' ']);
    if plain.is_empty() {
        return None;
    }
    let greets = lead.starts_with("say h") || *lead == "greet ";
    Some(if greets { format!("Hello, {plain}!") } else { plain.to_owned() })
}

/// The sentence of what is there that fits the question best: instructions, documents, search results, what was
/// said before.
fn found(request: &ChatRequest, asked: &str) -> Option<String> {
    let system = request.system_text().unwrap_or_default();
    let mut given: Vec<(bool, String)> = vec![(false, system)];
    let last = request.messages.len().saturating_sub(1);
    for (place, message) in request.messages.iter().enumerate() {
        for block in &message.content {
            let is_users = message.role == Role::User && place < last;
            match block {
                ContentBlock::Document(document) => {
                    given.extend(document.readable_text().map(|text| (false, text.into_owned())));
                }
                ContentBlock::SearchResult(result) => {
                    given.extend(result.content.iter().map(|part| (false, part.text.clone())));
                }
                ContentBlock::Text(text) if is_users => given.push((true, text.clone())),
                ContentBlock::ToolResult(_) if place < last => {
                    given.extend(message.tool_results().map(|result| (false, tool_result(request, result))));
                }
                _ => {}
            }
        }
    }
    let own = sentences(asked);
    let question =
        own.iter().rev().find(|sentence| sentence.ends_with(['?', '？'])).or(own.last()).copied()?;
    let mut all: Vec<&str> = given.iter().flat_map(|(_, text)| sentences(text)).collect();
    all.extend(own.iter().filter(|sentence| **sentence != question));
    all.retain(|sentence| !sentence.ends_with(['?', '？']) && *sentence != question);
    let mut found = best(question, &all)?;
    // a heading or label is not an answer: what follows it is
    if let Some(place) = all
        .iter()
        .position(|sentence| *sentence == found)
        .filter(|_| found.ends_with(':') || found.starts_with('#'))
    {
        found = all.get(place + 1).copied().unwrap_or(found);
    }
    let answer = found.trim_start_matches(['#', '-', '*', ' ', '>']);
    let from_user = own.contains(&found) || given.iter().any(|(users, text)| *users && text.contains(found));
    Some(if from_user { turned(answer) } else { answer.to_owned() })
}

/// The user's words about themselves, said to them.
fn turned(sentence: &str) -> String {
    let turns = [
        ("My ", "Your "),
        ("I am ", "You are "),
        ("I'm ", "You are "),
        ("I have ", "You have "),
        ("I ", "You "),
    ];
    let turned = turns.iter().find_map(|(from, to)| Some(format!("{to}{}", sentence.strip_prefix(from)?)));
    turned.unwrap_or_else(|| sentence.to_owned()).replace(" my ", " your ")
}

/// What is attached to the last message.
fn attachments(request: &ChatRequest) -> Option<String> {
    let last = request.messages.last()?;
    let said = last.content.iter().filter_map(|block| match block {
        ContentBlock::Image(image) => Some(format!("I see {}.", describe_image(image))),
        ContentBlock::Document(document) => {
            let format = document.format.as_ref().map_or("txt", |format| format.as_str());
            let name = &document.name;
            Some(match document.readable_text() {
                Some(text) => {
                    let begins = sentences(&text).first().copied().unwrap_or_default().to_owned();
                    format!(
                        "The document \"{name}\" ({format}, {} characters) begins: {begins}",
                        text.chars().count()
                    )
                }
                None => format!("The document \"{name}\" is {format}, which I cannot read."),
            })
        }
        ContentBlock::Video(video) => Some(format!("I see a {} video, which I cannot watch.", video.format)),
        ContentBlock::Audio(audio) => Some(format!("I have {} sound, which I cannot hear.", audio.format)),
        _ => None,
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// What the words are about, in the user's own spelling.
pub(super) fn topic(asked: &str) -> Option<String> {
    let last = sentences(asked).last().copied().unwrap_or(asked);
    let matter = matter(last);
    let words = last.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let about = |word: &&str| super::words::stems(word).any(|stem| matter.contains(&stem));
    let words: Vec<&str> = words.filter(about).take(6).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
