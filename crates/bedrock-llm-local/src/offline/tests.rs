//! What the responder says.

use bedrock_llm_schema::{
    Accumulator, CachePointBlock, ChatRequest, ChatResponse, DocumentBlock, DocumentFormat, GuardrailConfig,
    Message, StopReason, ToolChoice, ToolResultBlock, ToolSpec,
};
use serde_json::json;

use super::*;

fn answer(request: &ChatRequest) -> ChatResponse {
    let mut answer = Accumulator::new();
    let (cache, profile) = (PromptCache::default(), ModelProfile::default());
    respond(request, &cache, &profile, Instant::now()).iter().for_each(|event| answer.push(event));
    answer.response()
}

fn ask(text: &str) -> ChatRequest {
    ChatRequest::new("amazon.nova-lite-v1:0").message(Message::user(text))
}

fn say(text: &str) -> String {
    answer(&ask(text)).text()
}

fn weather() -> ToolSpec {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string", "description": "City name"}}, "required": ["city"]});
    ToolSpec::new("get_weather", "Current weather in a city", schema)
}

#[test]
fn it_says_what_it_is() {
    assert!(say("Who are you?").contains("no language model"));
    assert!(say("Hello").contains("no language model"));
    assert!(say("What do whales eat?").contains("whales eat"));
}

#[test]
fn it_repeats_counts_and_adds() {
    assert_eq!(say("Say hello to Ada."), "Hello, Ada!");
    assert_eq!(say("Reply with exactly OK"), "OK");
    assert_eq!(say("Count from one to five."), "1, 2, 3, 4, 5.");
    assert_eq!(say("What is 17 + 4?"), "17 + 4 = 21");
}

#[test]
fn it_goes_on_from_a_beginning() {
    let begun =
        |beginning: &str| answer(&ask("Count from one to five.").message(Message::assistant(beginning)));
    assert_eq!(begun("1, 2,").text(), " 3, 4, 5.");
    assert_eq!(begun("Well,").text(), "1, 2, 3, 4, 5.", "where the beginning is not its own");
}

#[test]
fn it_answers_from_what_it_was_given() {
    let request =
        ask("When does the shop open?").system("You help customers. The shop opens at nine. It sells tea.");
    assert!(answer(&request).text().starts_with("The shop opens at nine."));
    let hours = "The shop opens at 9 am. It closes at 5 pm.";
    let request = ask("When does the shop close?").system(hours);
    assert!(answer(&request).text().starts_with("It closes at 5 pm."), "{}", answer(&request).text());
    let notes = DocumentBlock::new(
        "notes",
        DocumentFormat::Md,
        &b"# Staff\n- Ada Lovelace wrote notes.\n- Bob left."[..],
    );
    let request = ChatRequest::new("m").message(Message::user("Who wrote the notes?").with(notes));
    assert!(answer(&request).text().starts_with("Ada Lovelace wrote notes."));
    let request =
        ask("My dog is called Rex.").message(Message::assistant("Nice.")).message("How is my dog called?");
    assert_eq!(answer(&request).text(), "Your dog is called Rex.");
}

#[test]
fn it_calls_the_tool_that_fits_and_reads_its_result() {
    let request = ask("What is the weather in Paris?").tool(weather()).tool(CachePointBlock::default());
    let response = answer(&request);
    assert_eq!(response.stop_reason, StopReason::ToolUse);
    let call = response.message.tool_uses().next().unwrap().clone();
    assert_eq!((call.name.as_str(), &call.input), ("get_weather", &json!({"city": "Paris"})));
    let result = ToolResultBlock::json(call.tool_use_id, json!({"celsius": 21, "sky": "clear"}));
    let response = answer(&request.message(response.message).message(result));
    assert_eq!(response.stop_reason, StopReason::EndTurn);
    assert_eq!(response.text(), "get_weather (city: Paris) says: celsius: 21, sky: clear.");
}

#[test]
fn what_is_said_beside_a_cancelled_call_is_answered_and_beside_a_result_is_not() {
    let asked = ask("What is the weather in Paris?").tool(weather());
    let call = answer(&asked).message.tool_uses().next().unwrap().clone();
    let after = |result: ToolResultBlock| {
        let mut request =
            asked.clone().message(Message::new(Role::Assistant, [ContentBlock::from(call.clone())]));
        request
            .messages
            .push(Message::new(Role::User, [ContentBlock::from(result), "Say hello to Ada.".into()]));
        answer(&request).text()
    };
    assert_eq!(after(ToolResultBlock::error("tooluse_local_1", "cancelled")), "Hello, Ada!");
    assert!(after(ToolResultBlock::text("tooluse_local_1", "rain")).contains("rain"));
}

#[test]
fn tools_that_do_not_fit_are_left_alone_unless_forced() {
    assert_eq!(answer(&ask("Say hi.").tool(weather())).stop_reason, StopReason::EndTurn);
    let response = answer(&ask("How is the weather?").tool(weather()));
    assert!(response.text().contains("city"), "{}", response.text());
    for choice in [ToolChoice::any(), ToolChoice::tool("get_weather")] {
        let response = answer(&ask("hm").tool(weather()).tool_choice(choice));
        assert_eq!(response.stop_reason, StopReason::ToolUse);
    }
}

#[test]
fn limits_are_kept() {
    let response = answer(&ask("Tell me a long story about the sea.").max_tokens(3));
    assert_eq!((response.stop_reason.clone(), response.usage.output_tokens), (StopReason::MaxTokens, 3));
    assert_eq!(response.text(), "Once upon a");
    let request = ask("Count from one to five.").stop_sequence("3").response_field_path("/stop_sequence");
    let response = answer(&request);
    assert_eq!(
        (response.text().as_str(), response.stop_reason.clone()),
        ("1, 2, ", StopReason::StopSequence)
    );
    assert_eq!(response.additional_model_response_fields, Some(json!({"stop_sequence": "3"})));
    let response = answer(&ask("What is the weather in Paris?").tool(weather()).max_tokens(2));
    assert_eq!(
        (response.stop_reason.clone(), response.incomplete_tool_uses.len()),
        (StopReason::MaxTokens, 1)
    );
    assert!(response.message.content.is_empty());
    assert_eq!(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
}

#[test]
fn reasoning_comes_when_asked_for() {
    assert!(answer(&ask("Hello")).message.reasoning().is_empty());
    let response =
        answer(&ask("Hello").additional_field("thinking", json!({"type": "enabled", "budget_tokens": 1024})));
    assert!(!response.message.reasoning().is_empty() && !response.text().is_empty());
    assert!(response.message.content[0].as_reasoning().unwrap().signature.is_some());
}

#[test]
fn json_is_given_by_the_schema() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let response = answer(&ask("I live in Rome.").json_schema("home", &schema));
    assert_eq!(serde_json::from_str::<Value>(&response.text()).unwrap(), json!({"city": "Rome"}));
}

#[test]
fn the_guardrail_blocks_its_word() {
    let request = ask(&format!("This is {GUARDED_WORD}."))
        .guardrail(GuardrailConfig::new(LOCAL_GUARDRAIL, "1").trace("enabled".into()));
    let response = answer(&request);
    assert_eq!(response.stop_reason, StopReason::GuardrailIntervened);
    assert!(response.trace.is_some());
    assert_eq!(
        answer(&ask("Hello").guardrail(GuardrailConfig::new("local", "1"))).stop_reason,
        StopReason::EndTurn
    );
}

#[test]
fn any_words_are_survived() {
    for text in [
        "",
        " ",
        "?",
        "\u{1f600}",
        "say",
        "say \"",
        "İstanbul'da hava nasıl?",
        "repeat ",
        "count",
        "١٢٣ + ٤",
        "\"",
        "天气怎么样？",
    ] {
        let request = ask(text).tool(weather()).system(text);
        answer(&request);
        answer(&request.tool_choice(ToolChoice::any()));
    }
}
